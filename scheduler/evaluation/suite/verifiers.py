"""Checks of a reply by a program. Pure; every check is false for an empty reply."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from feedback.rules.rule import Rule
from feedback.text.structure import items_of, sentences
from feedback.text.tokens import words
from scheduler.evaluation.suite.records import SuitePrompt

Check = Callable[[str], bool]

REPLY_TOKENS = 48

_AFFIXES = ("opening", "closing")
_FENCE = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class VerifiablePrompt:
    """A prompt, and the check whether a reply follows it."""

    text: str
    is_followed: Check
    max_tokens: int = REPLY_TOKENS

    @property
    def prompt(self) -> SuitePrompt:
        """The prompt as the suite asks it."""
        return SuitePrompt(self.text, self.max_tokens)


def every(*checks: Check) -> Check:
    """All checks hold."""
    return lambda reply: all(check(reply) for check in checks)


def is_lower(reply: str) -> bool:
    """Has letters, and no capitals."""
    return reply.islower()


def is_upper(reply: str) -> bool:
    """Has letters, all of them capitals."""
    return reply.isupper()


def is_exactly(text: str) -> Check:
    """Exactly this text."""
    return lambda reply: reply.strip() == text


def matches(pattern: str) -> Check:
    """The whole reply matches the pattern, case included."""
    compiled = re.compile(pattern)
    return lambda reply: compiled.fullmatch(reply.strip()) is not None


def contains(pattern: str, times: int = 1) -> Check:
    """The pattern is found at least `times` times, in any case."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda reply: len(compiled.findall(reply)) >= times


def lacks(pattern: str) -> Check:
    """The pattern is not found in a reply of at least three words."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda reply: len(words(reply)) > 2 and compiled.search(reply) is None


def begins(text: str) -> Check:
    """Begins with the text, and goes on."""
    return lambda reply: reply.strip().startswith(text) and len(reply.strip()) > len(text)


def ends(text: str) -> Check:
    """Has more than the text and ends with it, except for a full stop or quotation mark."""
    return lambda reply: reply.strip().rstrip('."”').endswith(text) and len(reply) > 2 * len(text)


def has_words(least: int, most: int) -> Check:
    """Between `least` and `most` words."""
    return lambda reply: least <= len(words(reply)) <= most


def has_sentences(least: int, most: int) -> Check:
    """Between `least` and `most` sentences."""
    return lambda reply: least <= len(sentences(reply)) <= most


def has_items(count: int, marker: str) -> Check:
    """`count` list items, all with a marker that matches the pattern."""
    compiled = re.compile(marker)

    def check(reply: str) -> bool:
        items = items_of(reply)
        return len(items) == count and all(compiled.fullmatch(i.marker.strip()) for i in items)

    return check


def has_no_items(reply: str) -> bool:
    """Has words, and no list."""
    return bool(words(reply)) and not items_of(reply)


def has_paragraphs(count: int) -> Check:
    """`count` paragraphs between blank lines."""
    return lambda reply: (
        len([part for part in re.split(r"\n\s*\n", reply.strip()) if words(part)]) == count
    )


def is_json(holds: Callable[[Any], bool]) -> Check:
    """JSON whose value `holds`, and nothing else; a code fence around it is fine."""

    def check(reply: str) -> bool:
        fenced = _FENCE.fullmatch(reply)
        try:
            return holds(json.loads(fenced[1] if fenced else reply))
        except (ValueError, RecursionError):
            return False

    return check


def strip_affixes(reply: str, rules: Iterable[Rule]) -> str:
    """The reply without the opening and closing that the rules add."""
    for rule in rules:
        if rule.attribute in _AFFIXES:
            reply = reply.replace(rule.value.strip(), " ")
    return reply
