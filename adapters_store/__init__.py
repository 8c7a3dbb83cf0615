"""Stores the base model, the LoRA layer, and every user's adapter versions."""
