"""Chooses who teaches an adapter, and writes what the teacher says."""
