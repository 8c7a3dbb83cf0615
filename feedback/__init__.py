"""Remembers what was said and what people thought of it, and turns that into training data.

No torch, no HTTP: records, the log, curation (pure) and frozen datasets.
"""
