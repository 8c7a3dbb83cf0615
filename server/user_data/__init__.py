"""Exports, imports and erases a user's data."""
