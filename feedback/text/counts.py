"""Counts with their nouns, for sentences."""


def count(number: int, noun: str) -> str:
    """Such as "1 example" or "3 examples"; the plural of `noun` ends in "s"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
