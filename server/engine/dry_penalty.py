"""Finds what would repeat what a reply said before: the DRY penalty ("don't repeat yourself").

Small models that decode greedily fall into loops. A token that would go on with a sequence that the
reply holds already is penalised, the more the longer the sequence: from 4 tokens on by
multiplier * 1.75 ** (length - 4) (p-e-w 2024, pull request 5677 of text-generation-webui; also in
llama.cpp). A name or a phrase may come again, a loop cannot go on. Pure.
"""

from collections import defaultdict

GROWTH = 1.75
ALLOWED_LENGTH = 4
HIGHEST = 100.0


class DryPenalty:
    """What one reply repeats just now; a token costs as much as it has earlier occurrences."""

    def __init__(self, multiplier: float) -> None:
        self._multiplier = multiplier
        self._tokens: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        # Place -> how many tokens before it are equal to the last ones of the reply.
        self._matches: dict[int, int] = {}

    def append(self, token: int) -> None:
        """Add a token to the reply."""
        earlier = self._places[token]
        self._matches = {place + 1: self._matches.get(place, 0) + 1 for place in earlier}
        earlier.append(len(self._tokens))
        self._tokens.append(token)

    def penalties(self) -> dict[int, float]:
        """What to subtract from the logits of tokens that would go on repeating; at most 100."""
        penalties: dict[int, float] = {}
        for place, length in self._matches.items():
            if length >= ALLOWED_LENGTH:
                token = self._tokens[place]
                # Bounded before it is raised: a power of a long match is no float any more.
                grown = GROWTH ** min(length - ALLOWED_LENGTH, 64)
                penalty = min(HIGHEST, self._multiplier * grown)
                penalties[token] = max(penalty, penalties.get(token, 0.0))
        return penalties
