"""Length: a maximum of sentences, a maximum of words or a minimum of words."""

import re
from collections.abc import Iterable

from feedback.rules.attributes.attribute import Attribute, Change, each, impossible
from feedback.rules.attributes.removals import without_opener
from feedback.text.code_masking import BLOCK
from feedback.text.marks import COLONS
from feedback.text.scripts import has_countable_words
from feedback.text.structure import sentences
from feedback.text.tokens import size, words

_MAX_SENTENCES = 6
_MAX_SHORTENED = 0.8
"""A correction counts as shorter with at most this share of the words, and of the sentences."""
_MIN_LENGTHENED = 1.5
"""A correction counts as longer with at least this multiple of the words."""
_BANDS = (*range(10, 50, 5), *range(50, 100, 10), *range(100, 300, 25), *range(300, 1001, 100))
_BLOCK_NEXT = re.compile(rf"\s*{BLOCK}")


def _sentence_counts(change: Change) -> Iterable[str]:
    before, after = len(sentences(change.original)), len(sentences(change.corrected))
    if 1 <= after <= min(_MAX_SENTENCES, _MAX_SHORTENED * before) and _is_shorter(change):
        yield str(after)


def _first_sentences(text: str, most: str) -> str | None:
    """The text up to the last sentence that fits and does not announce what comes next.

    Opening pleasantries do not count: "Certainly!" alone is not a reply.
    """
    text = without_opener(text)
    for _, end in reversed(sentences(text)[: int(most)]):
        if not text[:end].endswith(tuple(COLONS)):
            return _balanced(text[:end])
        if block := _BLOCK_NEXT.match(text, end):
            return text[: block.end()]
    return None


def _balanced(text: str) -> str:
    """The text with its last bold passage closed."""
    return f"{text}**" if text.count("**") % 2 else text


def _shorter_bands(change: Change) -> Iterable[str]:
    if _is_shorter(change) and _are_countable(change):
        count = len(words(change.corrected))
        yield from [str(band) for band in _BANDS if band >= count][:1]


def _is_shorter(change: Change) -> bool:
    return size(change.corrected) <= _MAX_SHORTENED * size(change.original)


def _are_countable(change: Change) -> bool:
    return has_countable_words(change.original) and has_countable_words(change.corrected)


def _first_words(text: str, most: str) -> str | None:
    """As many sentences from the start as fit."""
    for count in range(len(sentences(text)), 0, -1):
        shorter = _first_sentences(text, str(count))
        if shorter is not None and len(words(shorter)) <= int(most):
            return shorter
    return None


def _longer_bands(change: Change) -> Iterable[str]:
    before, after = len(words(change.original)), len(words(change.corrected))
    if _are_countable(change) and after >= _MIN_LENGTHENED * before:
        yield from [str(band) for band in _BANDS if before < band <= after][-1:]


def _fewer(count: str) -> str | None:
    return str(int(count) - 1) if int(count) > 1 else None


def _counted(count: str, thing: str) -> str:
    return f"{count} {thing}" if count == "1" else f"{count} {thing}s"


SENTENCES = Attribute(
    "most sentences",
    each(_sentence_counts),
    lambda text, most: len(sentences(text)) <= int(most),
    _first_sentences,
    lambda most: f"Writes at most {_counted(most, 'sentence')}.",
    lambda value: value in map(str, range(1, _MAX_SENTENCES + 1)),
    stricter=_fewer,
)
MOST_WORDS = Attribute(
    "most words",
    each(_shorter_bands),
    lambda text, most: len(words(text)) <= int(most) or not has_countable_words(text),
    _first_words,
    lambda most: f"Writes at most {_counted(most, 'word')}.",
    lambda value: value in map(str, _BANDS),
    is_weak=True,
    stricter=_fewer,
)
LEAST_WORDS = Attribute(
    "least words",
    each(_longer_bands),
    lambda text, least: len(words(text)) >= int(least) or not has_countable_words(text),
    impossible,
    lambda least: f"Writes at least {_counted(least, 'word')}.",
    lambda value: value in map(str, _BANDS),
)
