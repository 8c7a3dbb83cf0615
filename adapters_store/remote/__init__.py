"""Keeps adapters in object storage."""
