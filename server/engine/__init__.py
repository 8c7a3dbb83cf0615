"""The engine writes replies: one thread, one base model, many adapters."""
