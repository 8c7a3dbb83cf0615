"""Writes and parses tool calls in the text of a reply. Pure.

A call is JSON, `{"name": …, "arguments": {…}}`, and most models write a marker before it. Hermes
and Qwen write `<tool_call>{…}</tool_call>` any number of times, perhaps after a text. Mistral
writes `[TOOL_CALLS] [{…}, {…}]`. A call of Llama 3 is the whole reply, `{"name": …, "parameters":
{…}}`; several are separated by semicolons, or are one JSON list. Small models write that, too, and
often in a code fence.
"""

import json
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from server.engine.detokenizer import longest_partial_stop

OPENING = "<tool_call>"
CLOSING = "</tool_call>"
TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SEPARATORS = " \t\r\n;,"
_WHITE_SPACE = re.compile(r"\s*")
_PYTHON_TAG = "<|python_tag|>"
_FENCE = "```"
# No string of JSON has a line end, so such a line is never a part of a call.
_FENCE_LINE = re.compile(r"^[ \t]*```(?:json)?[ \t]*$", re.MULTILINE)


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


@dataclass(frozen=True, slots=True)
class AllowedCalls:
    """Which calls a reply may have.

    `names` are the functions that were given; None allows any. `marker` begins a call. `is_formed`
    is whether a grammar formed the reply: then it is calls from its first character, or has none.
    `at_most` limits their number.
    """

    names: Container[str] | None = None
    marker: str = OPENING
    is_formed: bool = False
    at_most: int | None = None


_ANY = AllowedCalls()
Found = tuple[str, tuple[ToolCall, ...]]
"""Content and calls."""


def parse(text: str, allowed: AllowedCalls = _ANY) -> Found:
    """The content of a reply and its calls. Without a call the content is the whole text.

    What is malformed or not allowed is content. Text after the first call is dropped.
    """
    reader = ToolCallReader(allowed)
    (content, calls), (rest, more) = reader.push(text), reader.finish()
    return content + rest, calls + more


class ToolCallReader:
    """Separates calls from content while a reply grows.

    Content and calls are passed on as soon as they are certain. Of a reply that may be calls
    without a marker, nothing is before its end.
    """

    def __init__(self, allowed: AllowedCalls = _ANY) -> None:
        self._allowed = allowed
        markers = [allowed.marker] if allowed.is_formed else [allowed.marker, OPENING]
        self._markers = tuple(dict.fromkeys(filter(None, markers)))
        self._may_be_bare = not (allowed.is_formed and self._markers)
        self._text = ""
        self._passed = 0  # the end of the content that was passed on
        self._content_end: int | None = None  # known from the first call on
        self._read = 0  # the end of the last call, or of a marker without one
        self._is_in_list = False  # whether the last call was in a list of calls
        self._num_calls = 0

    def push(self, text: str) -> Found:
        """Add text; return the new content and calls."""
        self._text += text
        if self._begins_bare():
            return "", ()
        # Only a bracket ends a call, and a long one is not worth decoding at every token.
        calls = self._marked_calls(is_end=False) if "}" in text or "]" in text else ()
        return self._content(is_end=False), calls

    def finish(self) -> Found:
        """The rest of both. Call once, at the reply's end."""
        calls = self._bare_calls() if self._begins_bare() else ()
        if calls:
            return "", calls
        calls = self._marked_calls(is_end=True)
        return self._content(is_end=True), calls

    def _begins_bare(self) -> bool:
        """Whether the reply may be calls only, without a marker."""
        if self._passed or self._num_calls or not self._may_be_bare:
            return False
        begin = self._text[_first_word(self._text, 0) :]
        if begin.startswith(_FENCE):
            begin = begin.removeprefix(_FENCE).removeprefix("json").lstrip()
            return "json".startswith(begin) or begin.startswith(("{", "["))
        tags = (_PYTHON_TAG, _FENCE)
        return begin.startswith(("{", "[", _PYTHON_TAG)) or any(t.startswith(begin) for t in tags)

    def _content(self, *, is_end: bool) -> str:
        end = self._content_end
        if end is None:
            end = len(self._text) if is_end else self._certain_end()
        content = self._text[self._passed : end]
        self._passed = max(self._passed, end)
        return content

    def _certain_end(self) -> int:
        marker = self._next_marker()
        at = len(self._text) - longest_partial_stop(self._text, self._markers)
        return self._without_space(marker[0] if marker else at)

    def _without_space(self, end: int) -> int:
        """Where content ends before `end`: white space before a call is not content."""
        return self._passed + len(self._text[self._passed : end].rstrip())

    def _next_marker(self) -> tuple[int, int] | None:
        """Start and end of the next marker that may begin a call."""
        found = [
            (at, at + len(marker))
            for marker in self._markers
            if (at := self._text.find(marker, max(self._read, self._passed))) >= 0
        ]
        first = min(found, default=None)
        if first and self._allowed.is_formed and not self._num_calls:
            return None if self._text[: first[0]].strip() else first
        return first

    def _marked_calls(self, *, is_end: bool) -> tuple[ToolCall, ...]:
        calls: list[ToolCall] = []
        while self._read_on(calls, is_end):
            pass
        return tuple(calls)

    def _read_on(self, calls: list[ToolCall], is_end: bool) -> bool:
        """Read one more call, or something that is none; False if there is nothing to read yet."""
        if self._is_in_list:
            if self._add_call_at(self._read, calls):
                return True
            has_ended = self._text[self._read :].lstrip().startswith("]")
            self._is_in_list = not has_ended and not is_end
            return not self._is_in_list
        if (marker := self._next_marker()) is None:
            return False
        at, start = marker
        first = _first_word(self._text, start)
        is_list = self._text.startswith("[", first)
        if self._add_call_at(first + is_list, calls):
            self._is_in_list = is_list
            if self._content_end is None:
                self._content_end = self._without_space(at)
            return True
        if is_end:
            self._read = start
        return is_end

    def _add_call_at(self, start: int, calls: list[ToolCall]) -> bool:
        """Add the call whose JSON begins at `start`, after separators; False if there is none."""
        while start < len(self._text) and self._text[start] in _SEPARATORS:
            start += 1
        try:
            value, end = _decoder.raw_decode(self._text, start)
        except (ValueError, RecursionError):
            return False
        found = None if isinstance(value, list) else self._as_calls(value)
        if found is None:
            return False
        calls += self._within_limit(found)
        self._read = end
        return True

    def _bare_calls(self) -> tuple[ToolCall, ...]:
        """The calls of a reply that consists of calls only; empty if it holds anything else."""
        rest = _FENCE_LINE.sub("", self._text.strip().removeprefix(_PYTHON_TAG))
        calls: list[ToolCall] = []
        while rest := rest.lstrip(_SEPARATORS):
            try:
                value, end = _decoder.raw_decode(rest)
            except (ValueError, RecursionError):
                return ()
            if (new := self._as_calls(value)) is None:
                return ()
            calls += new
            rest = rest[end:]
        return tuple(self._within_limit(calls))

    def _as_calls(self, value: Any) -> list[ToolCall] | None:
        """One call, or a list of them. None if any part of it is not an allowed call."""
        names = self._allowed.names
        calls: list[ToolCall] = []
        for each in value if isinstance(value, list) else [value]:
            call = _as_call(each)
            if call is None or (names is not None and call.name not in names):
                return None
            calls.append(call)
        return calls or None

    def _within_limit(self, calls: list[ToolCall]) -> list[ToolCall]:
        at_most = self._allowed.at_most
        new = calls if at_most is None else calls[: at_most - self._num_calls]
        self._num_calls += len(new)
        return new


def _first_word(text: str, start: int) -> int:
    found = _WHITE_SPACE.match(text, start)
    return found.end() if found else start


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
