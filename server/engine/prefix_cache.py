"""Keys and values of finished replies, so that a chat's next turn prefills only new tokens.

The lookup key is the tokens and a namespace: an adapter version, or who shares prompts of the base.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from server.engine.model.runner import SavedPrefix, size_bytes


@dataclass(frozen=True, slots=True)
class Prefix:
    """Tokens, and the keys and values that were computed for them in a namespace."""

    namespace: str | None
    tokens: tuple[int, ...]
    saved: SavedPrefix
    size_bytes: int


class PrefixCache:
    """The most recently used prefixes, within a budget of bytes. In the `namespace` None the base
    shares them with everybody.

    Only whole blocks of `block` tokens are reused by another reply. In bfloat16 the last bits
    depend on how many tokens are computed together. So a short prompt is always prefilled whole,
    and gets the same reply again.
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
        """`length` rounded down to whole blocks: the tokens that a later prompt could reuse."""
        return length - length % self._block

    def longest(
        self, namespace: str | None, prompt_ids: Sequence[int], *, is_resumed: bool = False
    ) -> tuple[SavedPrefix, int] | None:
        """The longest saved prefix of the prompt, and how many tokens of it to reuse.

        At least one token of the prompt is left over, for its logits. A reply that is resumed has
        the bits that it had, so it reuses more than whole blocks.
        """
        best_key, best = -1, 0
        for key, prefix in self._prefixes.items():
            if prefix.namespace == namespace:
                length = common_length(prefix.tokens, prompt_ids[:-1])
                if not is_resumed:
                    length = self.reusable(length)
                if length > best:
                    best_key, best = key, length
        if not best:
            return None
        self._prefixes.move_to_end(best_key)
        return self._prefixes[best_key].saved, best

    def add(self, namespace: str | None, tokens: Sequence[int], saved: SavedPrefix) -> None:
        """Add a prefix, replace those that it extends, and evict the least recently used."""
        prefix = Prefix(namespace, tuple(tokens), saved, size_bytes(saved))
        for key, other in list(self._prefixes.items()):
            if other.namespace == namespace and _begins_with(prefix.tokens, other.tokens):
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
    """Length of the common prefix of two sequences."""
    length = min(len(a), len(b))
    if tuple(a[:length]) == tuple(b[:length]):
        return length
    return next(i for i in range(length) if a[i] != b[i])
