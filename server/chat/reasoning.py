"""Takes the reasoning out of the replies of a thinking model."""

from dataclasses import replace

from adapters_store.reasoning import Place, ReasoningReader
from server.engine.records import TextDelta, TokenLogprob


class ReasoningSplitter:
    """Splits one reply while it grows; `tokens` counts its reasoning, the tags included."""

    def __init__(self, *, begins_inside: bool) -> None:
        """`begins_inside`: the prompt opened the reasoning."""
        self._reader = ReasoningReader(begins_inside=begins_inside)
        self._logprobs: list[TokenLogprob] = []
        self.tokens = 0

    def split(self, delta: TextDelta) -> tuple[str, TextDelta]:
        """The new reasoning, and the delta without it and without its log-probabilities."""
        before = self._reader.place
        reasoning, content = self._reader.push(delta.text)
        if delta.finish_reason:
            more_reasoning, more_content = self._reader.finish()
            reasoning, content = reasoning + more_reasoning, content + more_content
        place = self._reader.place
        if reasoning or Place.REASONING in (before, place):
            self.tokens = delta.tokens
        self._logprobs += delta.logprobs
        if place in (Place.REASONING, Place.BREAK):
            self._logprobs.clear()
        if place is not Place.CONTENT:
            return reasoning, replace(delta, text=content, logprobs=())
        logprobs, self._logprobs = tuple(self._logprobs), []
        return reasoning, replace(delta, text=content, logprobs=logprobs)
