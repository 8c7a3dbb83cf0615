"""The DRY penalty on repetition ("don't repeat yourself"). Pure.

Small models that decode greedily fall into loops. If a token would extend a sequence of `length`
tokens that the reply already holds, and `length` is at least 4, its logit loses
multiplier * 1.75 ** (length - 4) (p-e-w 2024, pull request 5677 of text-generation-webui; also in
llama.cpp). So names and phrases may recur, but a loop ends. Tokens of a fenced block are neither
penalised nor remembered: code repeats itself by nature.
"""

from collections import defaultdict

GROWTH = 1.75
ALLOWED_LENGTH = 4
HIGHEST = 100.0
FENCE = "```"


class DryPenalty:
    """Tracks what one reply repeats. `append` takes time linear in the token's occurrences."""

    def __init__(self, multiplier: float) -> None:
        self._multiplier = multiplier
        self._tokens: list[int] = []
        self._places: defaultdict[int, list[int]] = defaultdict(list)
        # Place -> how many tokens before it equal the reply's last ones.
        self._matches: dict[int, int] = {}
        self._tail = ""
        self._is_in_code = False

    def append(self, token: int, text: str) -> None:
        """Add a token to the reply, and the text that it brought."""
        was_in_code = self._is_in_code
        self._read(text)
        if was_in_code or self._is_in_code:
            self._matches = {}
            return
        earlier = self._places[token]
        self._matches = {place + 1: self._matches.get(place, 0) + 1 for place in earlier}
        earlier.append(len(self._tokens))
        self._tokens.append(token)

    def penalties(self) -> dict[int, float]:
        """What to subtract from the logits of tokens that extend a repetition, at most 100."""
        penalties: dict[int, float] = {}
        for place, length in self._matches.items():
            if length >= ALLOWED_LENGTH:
                token = self._tokens[place]
                # The exponent is bounded: the power of a long match would overflow.
                grown = GROWTH ** min(length - ALLOWED_LENGTH, 64)
                penalty = min(HIGHEST, self._multiplier * grown)
                penalties[token] = max(penalty, penalties.get(token, 0.0))
        return penalties

    def _read(self, text: str) -> None:
        """Notice where a fenced block begins or ends, also if its fence comes in several tokens."""
        before, *after = (self._tail + text).split(FENCE)
        self._is_in_code ^= len(after) % 2 == 1
        last = after[-1] if after else before
        self._tail = last[-len(FENCE) + 1 :]
