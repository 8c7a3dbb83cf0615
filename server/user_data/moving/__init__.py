"""Moves a user from one cell to another."""
