"""What a program can check of a reply. Pure; every check is false for an empty reply."""

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

_FENCE = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class VerifiablePrompt:
    """A prompt, and whether a reply does what it says."""

    text: str
    is_followed: Check
    max_tokens: int = REPLY_TOKENS

    @property
    def prompt(self) -> SuitePrompt:
        """How it is asked."""
        return SuitePrompt(self.text, self.max_tokens)


def every(*checks: Check) -> Check:
    """All of these hold."""
    return lambda reply: all(check(reply) for check in checks)


def is_lower(reply: str) -> bool:
    """Letters, and no capital among them."""
    return reply.islower()


def is_upper(reply: str) -> bool:
    """Letters, and all of them capitals."""
    return reply.isupper()


def is_exactly(text: str) -> Check:
    """This text and nothing else, to the letter."""
    return lambda reply: reply.strip() == text


def matches(pattern: str) -> Check:
    """The whole reply is as the pattern says; case counts unless it says otherwise."""
    compiled = re.compile(pattern)
    return lambda reply: compiled.fullmatch(reply.strip()) is not None


def contains(pattern: str, times: int = 1) -> Check:
    """The pattern is found at least so often, in any case."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda reply: len(compiled.findall(reply)) >= times


def lacks(pattern: str) -> Check:
    """The pattern is not found, in a reply that has something to say."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda reply: len(words(reply)) > 2 and compiled.search(reply) is None


def begins(text: str) -> Check:
    """The reply begins with the text, and goes on."""
    return lambda reply: reply.strip().startswith(text) and len(reply.strip()) > len(text)


def ends(text: str) -> Check:
    """The reply ends with the text, a full stop or quotation mark aside, and has more."""
    return lambda reply: reply.strip().rstrip('."”').endswith(text) and len(reply) > 2 * len(text)


def has_words(least: int, most: int) -> Check:
    """So many words."""
    return lambda reply: least <= len(words(reply)) <= most


def has_sentences(least: int, most: int) -> Check:
    """So many sentences."""
    return lambda reply: least <= len(sentences(reply)) <= most


def has_items(count: int, marker: str) -> Check:
    """So many list items, each with a marker as the pattern says."""
    compiled = re.compile(marker)

    def check(reply: str) -> bool:
        items = items_of(reply)
        return len(items) == count and all(compiled.fullmatch(i.marker.strip()) for i in items)

    return check


def has_no_items(reply: str) -> bool:
    """Something is said, and not in a list."""
    return bool(words(reply)) and not items_of(reply)


def has_paragraphs(count: int) -> Check:
    """So many paragraphs between blank lines."""
    return lambda reply: (
        len([part for part in re.split(r"\n\s*\n", reply.strip()) if words(part)]) == count
    )


def is_json(holds: Callable[[Any], bool]) -> Check:
    """JSON with such a value and nothing else; a code fence around it is fine."""

    def check(reply: str) -> bool:
        fenced = _FENCE.fullmatch(reply)
        try:
            return holds(json.loads(fenced[1] if fenced else reply))
        except (ValueError, RecursionError):
            return False

    return check


_AFFIXES = ("opening", "closing")


def strip_affixes(reply: str, rules: Iterable[Rule]) -> str:
    """The reply without the opening and the closing that rules put there."""
    for rule in rules:
        if rule.attribute in _AFFIXES:
            reply = reply.replace(rule.value.strip(), " ")
    return reply
