"""Emoji: none or some."""

import re

from feedback.rules.attributes.attribute import choice

_ONE = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3\u2934\u2935]"
_MORE = "[\ufe0f\u200d\U0001f3fb-\U0001f3ff\u20e3]"
EMOJI = rf"(?:{_ONE}{_MORE}*)+"
_EMOJI = re.compile(EMOJI)
_LEADING = re.compile(rf"^([ \t]*(?:[-*+•][ \t]+)?)(?:{EMOJI}[ \t]*)+", re.MULTILINE)
_REST = re.compile(rf"(?:(?<![ \t])[ \t]+)?{EMOJI}")

_SENTENCES = {"none": "Uses no emoji.", "some": "Uses emoji."}


def _holds(text: str, value: str) -> bool:
    return (_EMOJI.search(text) is None) == (value == "none")


def _drop(text: str, value: str) -> str | None:
    return _REST.sub("", _LEADING.sub(r"\1", text)) if value == "none" else None


USE = choice("emoji", _SENTENCES, _holds, _drop)
