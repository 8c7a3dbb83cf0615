"""A reply of the model, whole or while it is streamed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from server.client.errors import ApiError, error_of, reaching_server

_DATA = "data: "
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said; `id` names it in feedback.

    `adapter` is the version that answered, or `base`. `memory` counts what of the user's feedback
    was in the prompt: `demonstrations`, `notes`, `tokens` and `saved_tokens`. `notices` are
    sentences: overridden rules, a withdrawn version, why the exchange was not stored. A stream that
    was left before its end has no `finish_reason`.
    """

    id: str
    text: str
    adapter: str
    memory: Mapping[str, int]
    finish_reason: str | None
    notices: tuple[str, ...] = ()


class ReplyStream:
    """A reply as it is written: iterating gives its text piece by piece."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._id = ""
        self._text: list[str] = []
        self._finish_reason: str | None = None
        self._loralei: dict[str, Any] = {}

    @property
    def reply(self) -> Reply | None:
        """The reply so far; None before the first event."""
        text = "".join(self._text)
        return _reply(self._id, text, self._finish_reason, self._loralei) if self._id else None

    def __iter__(self) -> Iterator[str]:
        """The pieces of text. Raises `ApiError` if the server fails, or ends it too early."""
        with reaching_server():
            for line in self._response.iter_lines():
                if line == _DATA + _DONE:
                    return
                if line.startswith(_DATA):
                    yield from self._read(json.loads(line.removeprefix(_DATA)))
        raise ApiError("the server ended the reply too early")

    def _read(self, chunk: dict[str, Any]) -> Iterator[str]:
        if "error" in chunk:
            raise error_of(chunk)
        self._id = chunk["id"]
        self._loralei |= chunk.get("loralei", {})
        for choice in chunk["choices"]:
            self._finish_reason = choice["finish_reason"] or self._finish_reason
            text = choice["delta"].get("content")
            if text:
                self._text.append(text)
                yield text


def whole_reply(completion: Mapping[str, Any]) -> Reply:
    """The reply in an unstreamed response, of which only the first choice is read."""
    choice = completion["choices"][0]
    text = choice["message"]["content"] or ""
    return _reply(completion["id"], text, choice["finish_reason"], completion["loralei"])


def _reply(
    completion_id: str, text: str, finish_reason: str | None, loralei: Mapping[str, Any]
) -> Reply:
    overridden = [f"Your message overrides: {each}" for each in loralei["overridden_rules"]]
    said = [loralei.get(name) for name in ("withdrawn", "not_stored")]
    notices = (*overridden, *filter(None, said))
    return Reply(completion_id, text, loralei["adapter"], loralei["memory"], finish_reason, notices)
