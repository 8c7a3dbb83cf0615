"""Measures candidates, decides whether they may answer, and watches those that do."""
