"""The base model's frozen weights: one packed copy, multiplied in a fixed order, shared by maps."""
