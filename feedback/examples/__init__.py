"""Builds training examples and datasets: from feedback, from rules and from proposals."""
