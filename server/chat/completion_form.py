"""What the answers of OpenAI's two completion APIs have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from server.chat.recording import Recorder
from server.chat.replies import Replies
from server.chat.streaming import DONE, error_event, event, loralei_json
from server.chat.turn import Turn
from server.wire.responses import Json, usage_json


class CompletionForm(ABC):
    """A completion of one turn, or its chunks."""

    def __init__(
        self, turn: Turn, replies: Replies, recorder: Recorder, *, wants_usage: bool
    ) -> None:
        """`wants_usage`: a stream ends with the number of tokens."""
        self._turn = turn
        self._replies = replies
        self._recorder = recorder
        self._wants_usage = wants_usage

    @abstractmethod
    def _chunk(self, choices: list[Json]) -> Json:
        """A chunk with these choices."""

    @abstractmethod
    def _last_choice(self, index: int, finish_reason: str) -> Json:
        """A choice without anything new, and why it ended."""

    def end(self) -> Iterator[str]:
        """Why every choice ended, and the tokens if wanted."""
        not_stored = self._recorder.not_stored
        more = {"loralei": {"not_stored": not_stored}} if not_stored else {}
        for index, choice in enumerate(self._replies.choices):
            assert choice.finish_reason is not None
            yield event(self._chunk([self._last_choice(index, choice.finish_reason)]) | more)
        if self._wants_usage:
            # Of the whole request: the only chunk without a choice, as in OpenAI's streams.
            yield event(self._chunk([]) | {"usage": self._usage()})
        yield DONE

    def failure(self, error: Exception) -> Iterator[str]:
        """The error in the one form that every client understands."""
        yield error_event(error)

    def _totals(self) -> Json:
        """What a whole completion has beside its choices."""
        return {
            "usage": self._usage(),
            "loralei": loralei_json(self._turn, self._recorder.not_stored),
        }

    def _usage(self) -> Json:
        replies = self._replies
        return usage_json(
            len(self._turn.prompt_ids), replies.completion_tokens, replies.reasoning_tokens
        )
