"""Optimises one adapter slot on tokenised examples: batches, losses, steps, phases."""
