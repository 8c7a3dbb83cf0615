"""Copies a data folder while it is served, and puts a copy back."""
