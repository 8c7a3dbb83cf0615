"""Finds the rules that a prompt overrides by asking, in English, for another form. Pure."""

import re
from collections.abc import Sequence

from feedback.rules.override_lengths import asks_for_another_length
from feedback.rules.override_patterns import ADDITIONS, names_against
from feedback.rules.rule import Rule

_ASK = (
    r"(?:answer|reply|respond|say|write|give|return|output|print|tell|name|state|use|send|type|put)"
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_MAX_REQUEST = 400
"""Characters of a paragraph; a longer one is a text to work on."""

_COPY = re.compile(
    r"word for word|to the letter|verbatim|\b(?:exactly )?as it (?:is|stands)\b|\bunchanged\b"
    r"|exactly as (?:written|shown|given)|\brepeat (?:this|after me|the following|exactly)"
    r"|\b(?:exact|this|the following)\b[^.!?\n]{0,30}\band nothing (?:else|more)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"\bnothing (?:else|more|but)\b|\bno (?:other|further|extra|additional) (?:words?|text)\b"
    r"|\b(?:and |with )?no more\b(?! than)|\byes or no\b"
    r"|\b(?:one|a single|1)[ -]word\b(?! for)|\b(?:one|a single) (?:letter|digit|number|emoji)\b"
    r"|\b(?:word|letter|number|digit|name|title|figure|year|code|answer|result|date)"
    r" (?:only|alone)\b"
    rf"|\b{_ASK}\b[^.!?\n]{{0,40}}\b(?:only|just)\b(?! (?:one|if|when|after))"
    rf"|\b(?:only|just)\b[ \t]+(?:{_ASK}\b|the (?:word|letter|number|digit|name|title|code|answer))"
    r"|\b(?:no|without)(?: any)? (?:explanations?|comment(?:s|ary)?|preamble|introduction)\b",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"\b(?:in|as|into|valid|only|return|output|print|produce|this|following)(?: an?| the| valid)?"
    r" (?:JSON|XML|YAML|CSV|HTML|SQL|LaTeX|markdown table|code block)\b"
    r"(?! (?:documents?|files?|pages?|templates?|databases?))",
    re.IGNORECASE,
)


def overridden(rules: Sequence[Rule], prompt: str) -> tuple[Rule, ...]:
    """The rules that a prompt overrides, in their order."""
    request = _request(prompt)
    return tuple(rule for rule in rules if _is_overridden(rule, request))


def _request(prompt: str) -> str:
    """The first and the last paragraph, if they are short."""
    paragraphs = [each for each in _BLANK_LINES.split(prompt.strip()) if each]
    ends = paragraphs if len(paragraphs) == 1 else paragraphs[:1] + paragraphs[-1:]
    return "\n".join(each for each in ends if len(each) <= _MAX_REQUEST)


def _is_overridden(rule: Rule, request: str) -> bool:
    return (
        _COPY.search(request) is not None
        or (ADDITIONS(rule) and _BARE.search(request) is not None)
        or (_breaks_formats(rule) and _FORMAT.search(request) is not None)
        or asks_for_another_length(rule, request)
        or names_against(rule, request)
    )


def _breaks_formats(rule: Rule) -> bool:
    return ADDITIONS(rule) and not rule.value.startswith("json:")
