"""How a chat template writes tool calls: found by rendering a call that is known.

Most templates write a call as JSON, `{"name": …, "arguments": {…}}`, between marks of their own.
The marks of any such template are what stands around that JSON.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Turn = dict[str, Any]
Render = Callable[..., str]
"""Renders turns with the keyword arguments of `apply_chat_template`."""

_NAME = "loralei_probe"
_KEY, _VALUE = "loralei_key", "loralei_value"
_CONTENT = "loralei_content"
_TOOL: Turn = {
    "type": "function",
    "function": {
        "name": _NAME,
        "description": "A probe.",
        "parameters": {"type": "object", "properties": {_KEY: {"type": "string"}}},
    },
}
_QUESTION: Turn = {"role": "user", "content": "hi"}
# Longer marks would be a text of the template, not a format.
_MAX_MARK = 64
_BRACKETS = "[ \t\r\n"


@dataclass(frozen=True, slots=True)
class CallFormat:
    """How one turn's calls are written: `opening`, the calls with `separator` between, `closing`.

    A call is `{"name": …, ARGUMENTS: {…}}`, and `arguments` is that key. Without a `separator` a
    turn has one call. `tokens` are the tokens in the three texts that ordinary text never makes, by
    text. `shows_calls` is whether the template renders earlier calls, and `has_text_arguments`
    whether it takes their arguments as a text.
    """

    opening: str = ""
    separator: str | None = None
    closing: str = ""
    arguments: str = "parameters"
    tokens: Mapping[str, int] = field(default_factory=dict)
    shows_calls: bool = False
    has_text_arguments: bool = False

    @property
    def marker(self) -> str:
        """The text that begins the calls of a reply; empty if the JSON itself does."""
        return self.opening.strip().rstrip(_BRACKETS)


HERMES = CallFormat("<tool_call>\n", "\n</tool_call>\n<tool_call>\n", "\n</tool_call>", "arguments")


def call_format(
    render: Render, end_texts: Sequence[str], added_tokens: Mapping[str, int]
) -> CallFormat | None:
    """The format of a template, or None if it does not show tools to the model.

    `end_texts` are the texts that end a turn. If calls are not written as JSON with a name, the
    format is Hermes' if the tools are shown with its mark, else bare JSON.
    """
    try:
        prompt = render([_QUESTION], tools=[_TOOL], add_generation_prompt=True)
    except Exception:  # a template may raise anything
        return None
    if _NAME not in prompt:
        return None
    has_text_arguments, written = _written_calls(render, prompt)
    marks = _marks(written, end_texts) if written else None
    if marks is None:
        base = HERMES if HERMES.marker in prompt else CallFormat()
        marks = base.opening, base.separator, base.closing, base.arguments
    texts = "".join(filter(None, marks[:3]))
    return CallFormat(
        *marks,
        tokens={text: token for text, token in added_tokens.items() if text in texts},
        shows_calls=bool(written),
        has_text_arguments=has_text_arguments,
    )


def _written_calls(render: Render, prompt: str) -> tuple[bool, list[str]]:
    """Whether arguments are given as a text, and what a reply of one call, and of two, looks like.

    The list is empty if the template does not show calls, and has one text if it shows but one.
    """
    arguments = {_KEY: _VALUE}
    found: list[tuple[bool, list[str]]] = []
    for is_text in (False, True):
        given = json.dumps(arguments) if is_text else arguments
        replies = [
            reply for count in (1, 2) if (reply := _reply(render, prompt, given, count)) is not None
        ]
        if replies:
            found.append((is_text, replies))
    # In JSON, an object that should have been a text is no JSON, and a text that should have been
    # an object is quoted twice.
    good = [each for each in found if _first_call(each[1][0]) is not None]
    return (good or found or [(False, [])])[0]


def _reply(render: Render, prompt: str, arguments: object, count: int) -> str | None:
    """The rendering of a reply that calls `count` times, or None if the template leaves it out."""
    calls = [
        {
            "id": f"callid00{number}",
            "type": "function",
            "function": {"name": _NAME, "arguments": arguments},
        }
        for number in range(count)
    ]
    try:
        calling = {"role": "assistant", "content": "", "tool_calls": calls}
        text = render([_QUESTION, calling], tools=[_TOOL])
        answering = {"role": "assistant", "content": _CONTENT}
        plain = render([_QUESTION, answering], tools=[_TOOL])
    except Exception:
        return None
    # What stands before every reply, such as empty reasoning, is no part of the calls.
    before = plain.rpartition(_CONTENT)[0]
    starts = [start for start in (prompt, before, before.rstrip()) if text.startswith(start)]
    written = text[len(max(starts, key=len)) :] if starts else ""
    return written if written.count(_VALUE) == count else None


def _marks(
    replies: Sequence[str], end_texts: Sequence[str]
) -> tuple[str, str | None, str, str] | None:
    """The opening, the separator, the closing and the key of the arguments."""
    if (first := _first_call(replies[0])) is None:
        return None
    start, end, key = first
    opening = replies[0][:start].lstrip()
    closing = _until(replies[0][end:], end_texts).rstrip()
    separator: str | None = None
    if len(replies) > 1 and (one := _first_call(replies[1])) is not None:
        after = replies[1][one[1] :]
        if (two := _first_call(after)) is not None:
            separator = after[: two[0]]
    texts = opening, separator or "", closing
    if any(len(text) > _MAX_MARK for text in texts) or any(end in opening for end in end_texts):
        return None
    return opening, separator, closing, key


def _first_call(text: str) -> tuple[int, int, str] | None:
    """Start and end of the first JSON object that is the call, and its key of the arguments."""
    at = text.find("{")
    while at >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(text, at)
        except ValueError:
            value, end = None, at
        if isinstance(value, dict) and value.get("name") == _NAME:
            keys = [key for key, given in value.items() if given == {_KEY: _VALUE}]
            return (at, end, keys[0]) if keys else None
        at = text.find("{", at + 1)
    return None


def _until(text: str, end_texts: Sequence[str]) -> str:
    found = [at for at in map(text.find, end_texts) if at >= 0]
    return text[: min(found)] if found else text
