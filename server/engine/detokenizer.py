"""Turns one reply's tokens into text as they come, and ends it at a stop string."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream


class TextStream:
    """The text of a growing reply.

    It holds back incomplete characters, and text that may begin a stop string. A stop string is
    never part of the text, nor is a special token, except those that are `shown`, by id.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop: Sequence[str],
        shown: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self._tokenizer = tokenizer
        self._shown = shown
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = tuple(stop)
        self._held = ""
        self.is_stopped = False

    def push(self, token: int) -> str:
        """Add a token, and return the text that is certain now."""
        shown = self._shown.get(token)
        self._held += shown or self._decoder.step(self._tokenizer, token) or ""
        found = [at for at in map(self._held.find, self._stop) if at >= 0]
        if found:
            self.is_stopped = True
            self._held = self._held[: min(found)]
            return self.flush()
        return self._release(keep=longest_partial_stop(self._held, self._stop))

    def flush(self) -> str:
        """Return the text held back. Call once, at the reply's end."""
        return self._release(keep=0)

    def _release(self, keep: int) -> str:
        end = len(self._held) - keep
        text, self._held = self._held[:end], self._held[end:]
        return text


def longest_partial_stop(text: str, stop: Sequence[str]) -> int:
    """Length of the longest suffix of `text` that is a proper prefix of a stop string."""
    longest = max(map(len, stop), default=0) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(s.startswith(text[-length:]) for s in stop):
            return length
    return 0
