"""Answers of `POST /v1/chat/completions`: a completion, or its chunks."""

from collections.abc import Iterator

from server.chat import streaming
from server.chat.completion_form import CompletionForm
from server.chat.replies import ChoiceDelta
from server.chat.streaming import event
from server.wire.responses import (
    Json,
    choice_json,
    logprobs_json,
    message_json,
    tool_calls_json,
)


class ChatForm(CompletionForm):
    """OpenAI's chat completion of one turn."""

    def whole(self) -> Json:
        """The completion."""
        choices = [
            choice_json(
                index,
                message_json(
                    choice.content,
                    tool_calls_json(self._turn.id, index, choice.tool_calls),
                    choice.reasoning,
                ),
                choice.finish_reason or "",
                logprobs_json(choice.logprobs),
            )
            for index, choice in enumerate(self._replies.choices)
        ]
        return self._chunk(choices) | {"object": "chat.completion"} | self._totals()

    def begin(self) -> Iterator[str]:
        """The role of every choice."""
        for index in range(self._turn.num_choices):
            yield event(streaming.role_chunk(self._turn, index))

    def delta(self, delta: ChoiceDelta) -> Iterator[str]:
        """What is new of a choice."""
        for chunk in streaming.delta_chunks(self._turn, delta):
            yield event(chunk)

    def _chunk(self, choices: list[Json]) -> Json:
        return streaming.chat_chunk(self._turn, choices)

    def _last_choice(self, index: int, finish_reason: str) -> Json:
        return streaming.chunk_choice(index, {}, finish_reason)
