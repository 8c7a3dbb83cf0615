"""The exact one-sided sign test. Pure."""

from collections.abc import Sequence
from math import comb

ALPHA = 0.1
"""Significance level: 7 wins of 8, or 9 of 10. Two tests of one gain have half of it each."""


def chance_of_wins(wins: int, tosses: int) -> float:
    """Return how likely at least `wins` of `tosses` fair coin tosses are, 0..1."""
    ways = total = comb(tosses, wins)
    for heads in range(wins, tosses):
        ways = ways * (tosses - heads) // (heads + 1)
        total += ways
    return total / (1 << tosses)


def fewest_to_pass(
    pairs: Sequence[tuple[bool, bool]], level: float = ALPHA, max_drop: float = 0.0
) -> int:
    """Return on how many prompts a candidate with the same gains must do well (McNemar's test).

    `pairs` says of each prompt whether the base did well and the candidate. Losses pass if they are
    not significant at `level`, or exceed the gains by at most `max_drop` of all prompts.
    """
    base, gained = sum(by_base for by_base, _ in pairs), pairs.count((False, True))
    lost = gained
    while lost < base and (
        (lost + 1 - gained) / len(pairs) <= max_drop
        or chance_of_wins(lost + 1, lost + 1 + gained) > level
    ):
        lost += 1
    return base + gained - lost


def p_value(chance: float) -> str:
    """Such as "p = 0.07" or "p < 0.001", for sentences."""
    return f"p = {chance:.2}" if chance >= 0.001 else "p < 0.001"


def reading(chance: float) -> str:
    """What a chance says, such as "significant (p = 0.07)"."""
    if chance <= ALPHA:
        return f"significant ({p_value(chance)})"
    return f"{'not significant' if chance < 1 else 'no better than chance'} ({p_value(chance)})"
