"""Numbers with their nouns, for sentences."""


def count(number: int, noun: str) -> str:
    """Such as "1 example" or "3 examples"; `noun` is a singular whose plural ends in "s"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
