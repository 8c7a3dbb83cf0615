"""Keys and values of finished replies, so that a chat's next turn prefills only what is new.

Keys and values depend on the tokens and on the adapter version that made them, so both are the
key: no reply ever reads what another version wrote.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from server.engine.model.runner import SavedPrefix, size_bytes


@dataclass(frozen=True, slots=True)
class Prefix:
    """Tokens and the keys and values that one adapter version made of them."""

    adapter: str | None
    tokens: tuple[int, ...]
    saved: SavedPrefix
    size_bytes: int


class PrefixCache:
    """The most recently used prefixes, within a budget of bytes. `adapter` None is the base.

    Whole blocks of `block` tokens are reused. In bfloat16 a token's numbers differ in the last bits
    with the number of tokens it is computed among, so a short prompt is always read in one piece:
    asked again, it is answered in the same words.
    """

    def __init__(self, budget_bytes: int, block: int) -> None:
        self._budget = budget_bytes
        self._block = block
        self._prefixes: OrderedDict[int, Prefix] = OrderedDict()  # oldest use first
        self._next_key = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._prefixes)

    def reusable(self, length: int) -> int:
        """How many of a text's first `length` tokens a later prompt could reuse: whole blocks."""
        return length - length % self._block

    def longest(self, adapter: str | None, prompt: Sequence[int]) -> tuple[SavedPrefix, int] | None:
        """What was saved for the longest common beginning, and how many tokens of it to reuse.

        One token of the prompt is always left over, for its logits.
        """
        best_key, best = -1, 0
        for key, prefix in self._prefixes.items():
            if prefix.adapter == adapter:
                length = self.reusable(common_length(prefix.tokens, prompt[:-1]))
                if length > best:
                    best_key, best = key, length
        if not best:
            return None
        self._prefixes.move_to_end(best_key)
        return self._prefixes[best_key].saved, best

    def add(self, adapter: str | None, tokens: Sequence[int], saved: SavedPrefix) -> None:
        """Keep a prefix, instead of those that it extends; the least recently used make room."""
        prefix = Prefix(adapter, tuple(tokens), saved, size_bytes(saved))
        for key, other in list(self._prefixes.items()):
            if other.adapter == adapter and _begins_with(prefix.tokens, other.tokens):
                self._remove(key)
        self._prefixes[self._next_key] = prefix
        self._next_key += 1
        self.size_bytes += prefix.size_bytes
        while self.size_bytes > self._budget:
            self._remove(next(iter(self._prefixes)))

    def _remove(self, key: int) -> None:
        self.size_bytes -= self._prefixes.pop(key).size_bytes


def _begins_with(tokens: tuple[int, ...], beginning: tuple[int, ...]) -> bool:
    return tokens[: len(beginning)] == beginning


def common_length(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    length = min(len(a), len(b))
    if tuple(a[:length]) == tuple(b[:length]):
        return length
    return next(i for i in range(length) if a[i] != b[i])
