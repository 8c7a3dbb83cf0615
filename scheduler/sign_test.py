"""The exact one-sided sign test. Pure."""

from math import comb


def chance_of_wins(wins: int, tosses: int) -> float:
    """Return how likely at least `wins` of `tosses` fair coin tosses are, 0..1."""
    ways = total = comb(tosses, wins)
    for heads in range(wins, tosses):
        ways = ways * (tosses - heads) // (heads + 1)
        total += ways
    return total / (1 << tosses)


def p_value(chance: float) -> str:
    """Such as "p = 0.07" or "p < 0.001", for sentences."""
    return f"p = {chance:.2}" if chance >= 0.001 else "p < 0.001"
