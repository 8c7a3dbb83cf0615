"""Answers of `POST /v1/chat/completions`: a completion, or its chunks."""

from collections.abc import Iterator

from server.chat import streaming
from server.chat.recording import Recorder
from server.chat.replies import ChoiceDelta, Replies
from server.chat.streaming import event
from server.chat.turn import Turn
from server.wire.responses import (
    Json,
    choice_json,
    logprobs_json,
    message_json,
    tool_calls_json,
    usage_json,
)


class ChatForm:
    """OpenAI's chat completion of one turn."""

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
        turn, replies = self._turn, self._replies
        return {
            "id": turn.id,
            "object": "chat.completion",
            "created": turn.created,
            "model": turn.model,
            "choices": [
                choice_json(
                    index,
                    message_json(
                        choice.content,
                        tool_calls_json(turn.id, index, choice.tool_calls),
                        choice.reasoning,
                    ),
                    choice.finish_reason or "",
                    logprobs_json(choice.logprobs),
                )
                for index, choice in enumerate(replies.choices)
            ],
            "usage": usage_json(
                len(turn.prompt_ids), replies.completion_tokens, replies.reasoning_tokens
            ),
            "loralei": streaming.loralei_json(turn, self._recorder.not_stored),
        }

    def begin(self) -> Iterator[str]:
        """The role of every choice."""
        for index in range(self._turn.num_choices):
            yield event(streaming.role_chunk(self._turn, index))

    def delta(self, delta: ChoiceDelta) -> Iterator[str]:
        """What is new of a choice."""
        for chunk in streaming.delta_chunks(self._turn, delta):
            yield event(chunk)

    def end(self) -> Iterator[str]:
        """Why every choice ended, and the tokens if wanted."""
        not_stored = self._recorder.not_stored
        for index, choice in enumerate(self._replies.choices):
            assert choice.finish_reason is not None
            yield event(streaming.finish_chunk(self._turn, index, choice.finish_reason, not_stored))
        if self._wants_usage:
            yield event(streaming.usage_chunk(self._turn, self._replies))
        yield streaming.DONE

    def failure(self, error: Exception) -> Iterator[str]:
        """The error in the one form that every client understands."""
        yield streaming.error_event(error)
