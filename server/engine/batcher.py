"""Decides how much of which prompt the next step reads. Pure: no tensors, no clock."""

from collections.abc import Sequence


def prompt_shares(remaining: Sequence[int], *, decoding: int, budget: int) -> list[int]:
    """How many tokens of each unfinished prompt to prefill in the next step, in order.

    `remaining` are the tokens left of each prompt, the first of them served first, and all within
    `budget` tokens together. While replies are `decoding` they wait for every prefilled token, so
    then the budget is theirs to bound; with nobody waiting it is four times as large, because long
    products are quicker per token.
    """
    left = budget if decoding else 4 * budget
    shares = []
    for tokens in remaining:
        share = min(tokens, left)
        shares.append(share)
        left -= share
    return shares
