"""The regression suite: what an adapter may have unlearned, measured beside the base model."""
