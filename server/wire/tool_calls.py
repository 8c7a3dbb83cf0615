"""Writes and parses tool calls in the text of a reply. Pure.

Two formats are common. Hermes and Qwen write `<tool_call>{"name": …, "arguments": {…}}</tool_call>`
any number of times, perhaps after a text. A call of Llama 3 is the whole reply,
`{"name": …, "parameters": {…}}`; several are separated by semicolons, or are one JSON list.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from server.engine.detokenizer import longest_partial_stop

OPENING = "<tool_call>"
CLOSING = "</tool_call>"
TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SEPARATORS = " \t\r\n;,"
_WHITE_SPACE = re.compile(r"\s*")
_PYTHON_TAG = "<|python_tag|>"


def refuse_constant(constant: str) -> NoReturn:
    """Raise `ValueError`: Python's parser would accept NaN and infinities."""
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=refuse_constant)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call. `arguments` is the text of a JSON object."""

    name: str
    arguments: str


def write(content: str, calls: Sequence[ToolCall]) -> str:
    """A reply in Hermes' format, which `parse` reads back."""
    written = [
        f'{OPENING}\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}\n{CLOSING}'
        for call in calls
    ]
    return "\n".join([content, *written] if content else written)


def parse(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """The content of a reply and its calls. Without a call the content is the whole text.

    Malformed calls are content. Text after the first call is dropped.
    """
    calls: list[ToolCall] = []
    content, at = text, text.find(OPENING)
    while at >= 0:
        start = at + len(OPENING)
        if found := _call_at(text, start):
            if not calls:
                content = text[:at].rstrip()
            call, start = found
            calls.append(call)
        at = text.find(OPENING, start)
    if not calls and (bare := _bare_calls(text)):
        return "", bare
    return content, tuple(calls)


class ToolCallReader:
    """Separates calls from content while a reply grows: content is passed on, calls held back."""

    def __init__(self) -> None:
        self._text = ""
        self._passed = 0

    def push(self, text: str) -> str:
        """Add text; return the new content that is certain."""
        self._text += text
        end = self._certain_end()
        content = self._text[self._passed : end]
        self._passed = max(self._passed, end)
        return content

    def finish(self) -> tuple[str, tuple[ToolCall, ...]]:
        """The rest of the content, and the calls. Call once, at the reply's end."""
        content, calls = parse(self._text)
        return content[self._passed :], calls

    def _certain_end(self) -> int:
        if not self._passed and _may_be_bare(self._text):
            return 0
        at = self._text.find(OPENING, self._passed)
        if at < 0:
            at = len(self._text) - longest_partial_stop(self._text, (OPENING,))
        # White space before a call is not content.
        return self._passed + len(self._text[self._passed : at].rstrip())


def _call_at(text: str, start: int) -> tuple[ToolCall, int] | None:
    """The call whose JSON begins at `start`, and the position of its end."""
    try:
        value, end = _decoder.raw_decode(text, _first_word(text, start))
    except (ValueError, RecursionError):
        return None
    call = _as_call(value)
    return None if call is None else (call, end)


def _first_word(text: str, start: int) -> int:
    found = _WHITE_SPACE.match(text, start)
    return found.end() if found else start


def _may_be_bare(text: str) -> bool:
    at = _first_word(text, 0)
    begin = text[at : at + len(_PYTHON_TAG)]
    return begin.startswith(("{", "[")) or _PYTHON_TAG.startswith(begin)


def _bare_calls(text: str) -> tuple[ToolCall, ...]:
    """The calls of a reply that consists of calls only; empty if it holds anything else."""
    rest = text.strip().removeprefix(_PYTHON_TAG)
    calls: list[ToolCall] = []
    while rest := rest.lstrip(_SEPARATORS):
        try:
            value, end = _decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return ()
        for each in value if isinstance(value, list) else [value]:
            call = _as_call(each)
            if call is None:
                return ()
            calls.append(call)
        rest = rest[end:]
    return tuple(calls)


def _as_call(value: Any) -> ToolCall | None:
    if not isinstance(value, Mapping):
        return None
    name, arguments = value.get("name"), value.get("arguments", value.get("parameters"))
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        return None
    if not isinstance(arguments, Mapping):
        return None
    try:
        return ToolCall(name, json.dumps(arguments, allow_nan=False))
    except (ValueError, RecursionError):
        return None
