"""Answers of `POST /v1/responses`: a response, or its events."""

from collections.abc import Iterable, Iterator

from server.chat.recording import Recorder
from server.chat.replies import ChoiceDelta, Replies
from server.chat.streaming import loralei_json
from server.chat.turn import Turn
from server.errors import error_body
from server.wire.json_line import json_line
from server.wire.responses import Json
from server.wire.responses_api.objects import begun_json, ended_json, failed_json, usage_json
from server.wire.responses_api.output import ResponseOutput, output_items
from server.wire.responses_api.requests import ResponsesRequest


class ResponseForm:
    """OpenAI's response of one turn."""

    def __init__(
        self, turn: Turn, replies: Replies, recorder: Recorder, *, body: ResponsesRequest
    ) -> None:
        self._turn = turn
        self._replies = replies
        self._recorder = recorder
        self._output = ResponseOutput(turn.id)
        self._sequence_number = 0
        self._begun = begun_json(
            body,
            completion_id=turn.id,
            created=turn.created,
            temperature=turn.params.temperature,
            top_p=turn.params.top_p,
            is_stored=turn.is_stored,
            loralei=loralei_json(turn),
        )

    def whole(self) -> Json:
        """The response."""
        [choice] = self._replies.choices
        return self._ended(
            output_items(
                self._turn.id,
                choice.content,
                choice.tool_calls,
                is_truncated=self._is_truncated,
                reasoning=choice.reasoning,
                logprobs=choice.logprobs or (),
            )
        )

    def begin(self) -> Iterator[str]:
        """That the response is being made."""
        for kind in ("response.created", "response.in_progress"):
            yield self._event({"type": kind, "response": self._begun})

    def delta(self, delta: ChoiceDelta) -> Iterator[str]:
        """What is new of the reply."""
        return self._events(
            self._output.add(
                reasoning=delta.reasoning,
                content=delta.content,
                logprobs=delta.logprobs or (),
                calls=delta.tool_calls,
            )
        )

    def end(self) -> Iterator[str]:
        """The end of the last item, and the whole response."""
        yield from self._events(self._output.close(is_truncated=self._is_truncated))
        response = self._ended(self._output.items)
        yield self._event({"type": f"response.{response['status']}", "response": response})

    def failure(self, error: Exception) -> Iterator[str]:
        """The response so far, and what went wrong."""
        message = error_body(error)[0]["error"]["message"]
        response = failed_json(self._begun, self._output.items, message)
        yield self._event({"type": "response.failed", "response": response})

    @property
    def _is_truncated(self) -> bool:
        return self._replies.choices[0].finish_reason == "length"

    def _ended(self, output: list[Json]) -> Json:
        turn, replies = self._turn, self._replies
        usage = usage_json(
            len(turn.prompt_ids), replies.completion_tokens, replies.reasoning_tokens
        )
        return ended_json(
            self._begun,
            output,
            usage,
            finish_reason=replies.choices[0].finish_reason or "",
            loralei=loralei_json(turn, self._recorder.not_stored),
        )

    def _events(self, events: Iterable[Json]) -> Iterator[str]:
        return map(self._event, events)

    def _event(self, data: Json) -> str:
        numbered = {**data, "sequence_number": self._sequence_number}
        self._sequence_number += 1
        return f"event: {data['type']}\ndata: {json_line(numbered)}\n\n"
