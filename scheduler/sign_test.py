"""The exact one-sided sign test. Pure."""

from math import comb


def chance_of_wins(wins: int, rows: int) -> float:
    """Return how likely at least `wins` of `rows` fair coin tosses are."""
    ways = total = comb(rows, wins)
    for heads in range(wins, rows):
        ways = ways * (rows - heads) // (heads + 1)
        total += ways
    return total / (1 << rows)
