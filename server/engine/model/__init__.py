"""Runs the model: forward passes, caches of keys and values, the rows' adapters. No policy."""
