"""Answers of `POST /v1/completions`: texts, or their chunks. Reasoning is left out."""

from collections.abc import Iterator

from server.chat.recording import Recorder
from server.chat.replies import ChoiceDelta, Replies
from server.chat.streaming import DONE, error_event, event, loralei_json
from server.chat.turn import Turn
from server.wire.responses import Json, usage_json
from server.wire.text_completions import text_choice_json, text_json


class TextForm:
    """OpenAI's text completion of one turn."""

    def __init__(
        self, turn: Turn, replies: Replies, recorder: Recorder, *, wants_usage: bool
    ) -> None:
        """`wants_usage`: a stream ends with the number of tokens."""
        self._turn = turn
        self._replies = replies
        self._recorder = recorder
        self._wants_usage = wants_usage

    def whole(self) -> Json:
        """The completion."""
        choices = [
            text_choice_json(index, choice.content, choice.finish_reason)
            for index, choice in enumerate(self._replies.choices)
        ]
        loralei = loralei_json(self._turn, self._recorder.not_stored)
        return self._json(choices) | {"usage": self._usage(), "loralei": loralei}

    def begin(self) -> Iterator[str]:
        """An empty text for every choice."""
        for index in range(self._turn.num_choices):
            more = {} if index else {"loralei": loralei_json(self._turn)}
            yield event(self._json([text_choice_json(index, "", None)]) | more)

    def delta(self, delta: ChoiceDelta) -> Iterator[str]:
        """The new text of a choice."""
        if delta.content:
            yield event(self._json([text_choice_json(delta.index, delta.content, None)]))

    def end(self) -> Iterator[str]:
        """Why every choice ended, and the tokens if wanted."""
        not_stored = self._recorder.not_stored
        more = {"loralei": {"not_stored": not_stored}} if not_stored else {}
        for index, choice in enumerate(self._replies.choices):
            yield event(self._json([text_choice_json(index, "", choice.finish_reason)]) | more)
        if self._wants_usage:
            yield event(self._json([]) | {"usage": self._usage()})
        yield DONE

    def failure(self, error: Exception) -> Iterator[str]:
        """The error in the one form that every client understands."""
        yield error_event(error)

    def _json(self, choices: list[Json]) -> Json:
        return text_json(self._turn.id, self._turn.created, self._turn.model, choices)

    def _usage(self) -> Json:
        replies = self._replies
        return usage_json(
            len(self._turn.prompt_ids), replies.completion_tokens, replies.reasoning_tokens
        )
