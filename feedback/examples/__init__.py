"""Builds training examples and datasets: from feedback and from rules."""
