"""Filters that reject examples, such as contradictions, secrets, duplicates and outliers."""
