"""Finds base models, fetches the built-in ones, and converts GGUF files."""
