"""What a thinking model writes before its reply: finding it in the text of a reply. Pure.

Such a model writes `<think>`, its reasoning, `</think>` and the reply. Some chat templates write
the opening tag into the prompt, so that the reply begins inside the reasoning.
"""

from collections.abc import Mapping
from enum import Enum, auto

OPENING = "<think>"
CLOSING = "</think>"

TemplateOption = bool | int | float | str
"""A value that a chat template reads by name."""

NO_THINKING: Mapping[str, TemplateOption] = {"enable_thinking": False, "thinking": False}
"""The options that turn thinking off; a template that has such an option has one of these names."""


class Place(Enum):
    """Where in a reply the text read so far ends; `BREAK` is between reasoning and content."""

    START = auto()
    REASONING = auto()
    BREAK = auto()
    CONTENT = auto()


class ReasoningReader:
    """Separates reasoning from content while a reply grows.

    Neither has the tags, or white space next to them. A reply that never leaves its reasoning
    has no content.
    """

    def __init__(self, *, begins_inside: bool = False) -> None:
        """`begins_inside`: the prompt has the opening tag."""
        self.place = Place.REASONING if begins_inside else Place.START
        self._held = ""
        self._has_reasoning = False
        self._may_repeat_tag = begins_inside  # some models write the opening tag all the same

    def push(self, text: str) -> tuple[str, str]:
        """Add text; return the reasoning and the content that are certain now."""
        self._held += text
        if self.place is Place.START:
            self._read_opening()
        reasoning = self._read_reasoning() if self.place is Place.REASONING else ""
        if self.place is Place.BREAK and (content := self._held.lstrip()):
            self._held, self.place = content, Place.CONTENT
        if self.place is not Place.CONTENT:
            return reasoning, ""
        content, self._held = self._held, ""
        return reasoning, content

    def finish(self) -> tuple[str, str]:
        """The rest of both. Call once, at the reply's end."""
        rest, self._held = self._held, ""
        if self.place is Place.START:
            self.place = Place.CONTENT
            return "", rest
        if self.place is Place.BREAK:
            return "", ""
        return (rest.rstrip() if self._has_reasoning else rest.strip()), ""

    def _read_opening(self) -> None:
        begin = self._held.lstrip()
        if begin.startswith(OPENING):
            self._held, self.place = begin.removeprefix(OPENING), Place.REASONING
        elif not OPENING.startswith(begin):
            self.place = Place.CONTENT

    def _read_reasoning(self) -> str:
        if not self._has_reasoning:
            self._held = self._held.lstrip()
        if self._may_repeat_tag:
            if self._held != OPENING and OPENING.startswith(self._held):
                return ""
            self._held = self._held.removeprefix(OPENING).lstrip()
            self._may_repeat_tag = False
        before, closing, after = self._held.partition(CLOSING)
        if closing:
            self._held, self.place = after, Place.BREAK
            return before.rstrip()
        certain = before[: len(before) - _partial_closing(before)].rstrip()
        self._has_reasoning |= bool(certain)
        self._held = before[len(certain) :]
        return certain


def split_reasoning(text: str) -> tuple[str, str]:
    """The reasoning at the start of a whole reply, and the content after it."""
    reader = ReasoningReader()
    parts = reader.push(text), reader.finish()
    return "".join(reasoning for reasoning, _ in parts), "".join(content for _, content in parts)


def close_reasoning(prompt: str) -> str:
    """The prompt, with empty reasoning if it ends inside: as templates turn thinking off."""
    return f"{prompt.rstrip()}\n\n{CLOSING}\n\n" if ends_inside(prompt) else prompt


def ends_inside(prompt: str) -> bool:
    """Whether a prompt has the opening tag of the reply's reasoning."""
    return prompt.rstrip().endswith(OPENING)


def _partial_closing(text: str) -> int:
    """Length of the longest suffix of `text` that begins the closing tag."""
    return next((n for n in range(len(CLOSING) - 1, 0, -1) if text.endswith(CLOSING[:n])), 0)
