"""Finds the lengths that prompts ask for: numbers of sentences, words or items, short or long."""

import re

from feedback.rules.attributes.numerals import NUMBER_WORDS
from feedback.rules.rule import Rule

COUNT = rf"\b(\d{{1,5}}|{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})\b"
_AT_LEAST = re.compile(
    rf"(?:\b(?:at least|more than|over|minimum of|no (?:less|fewer) than)\s+)?{COUNT}(?:[ -]\w+)?"
    r"[ -](sentences?|words?|paragraphs?)\b(?: or more)?|\b(sentences|words|paragraphs) or more",
    re.IGNORECASE,
)
_AT_MOST = re.compile(
    rf"\b(?:at most|no more than|up to|under|below|less than|fewer than|within|maximum of|in)\s+"
    rf"{COUNT}(?:[ -]\w+)?[ -](words?|sentences?)\b",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"\b(?:lengthy|detailed|in[- ]depth|comprehensive|exhaustive|elaborate)\b"
    r"|\blong(?:er)? (?:\w+ )?(?:answer|article|description|email|essay|explanation|joke|letter"
    r"|poem|post|reply|review|speech|story|text|version)\b"
    r"|\b(?:in|more|every|with|great) detail\b|\bat length\b",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(?:short|shortly|brief(?:ly)?|concise(?:ly)?|in a (?:word|sentence)|(?:one|a single)"
    r" sentence)\b",
    re.IGNORECASE,
)
_ITEMS = re.compile(
    r"\b(?:list|name|give(?: me)?|suggest|recommend|mention|write|top|tell me)\s+"
    rf"(?:\w+\s+)?{COUNT}"
    r"(?!\s+(?:sentences?|words?|paragraphs?|lines?))",
    re.IGNORECASE,
)
_WORDS_OF = {"sentence": 12, "word": 1, "paragraph": 40}
_LENGTHS = ("most sentences", "most words")


def asks_for_another_length(rule: Rule, request: str) -> bool:
    """Whether a request asks for a length that the rule does not allow."""
    if rule.attribute in _LENGTHS:
        return _LONG.search(request) is not None or any(
            _exceeds(rule, found) for found in _AT_LEAST.finditer(request)
        )
    if rule.attribute == "least words":
        return _SHORT.search(request) is not None or any(
            _words(found[1], found[2]) < int(rule.value) for found in _AT_MOST.finditer(request)
        )
    if rule.attribute == "list items":
        return any(_number(found[1]) != int(rule.value) for found in _ITEMS.finditer(request))
    return False


def _exceeds(rule: Rule, found: re.Match[str]) -> bool:
    """Whether the requested length exceeds what the rule allows."""
    if found[1] is None:
        return True
    if rule.attribute == "most sentences" and found[2].lower().startswith("sentence"):
        return _number(found[1]) > int(rule.value)
    most = int(rule.value) * (_WORDS_OF["sentence"] if rule.attribute == "most sentences" else 1)
    return _words(found[1], found[2]) > most


def _words(count: str, unit: str) -> int:
    return _number(count) * _WORDS_OF[unit.lower().removesuffix("s")]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else NUMBER_WORDS.index(text.lower())
