"""What is wrong with replies whatever was asked: loops, one reply to everything, silence. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

NGRAM = 4
MIN_DISTINCT_SHARE = 0.6
MAX_SHARED_SHARE = 0.5


def is_repetitive(text: str) -> bool:
    """Whether fewer than 60 % of the text's 4-word sequences are distinct.

    A word is a run of letters and digits, or one other visible character. Texts of fewer than 12
    words never count.
    """
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    if len(words) < 12:
        return False
    ngrams = _ngrams(words)
    return len(set(ngrams)) / len(ngrams) < MIN_DISTINCT_SHARE


def collapsed(texts: Sequence[str]) -> list[bool]:
    """Which texts share half of their 4-word sequences or more with other texts.

    A model that has collapsed says one thing to everything, such as an evasion. A word is a run of
    letters and digits; texts of fewer than 4 words never count.
    """
    found = [set(_ngrams(re.findall(r"\w+", text.lower()))) for text in texts]
    in_texts = Counter(ngram for ngrams in found for ngram in ngrams)
    return [
        bool(ngrams)
        and sum(in_texts[each] > 1 for each in ngrams) >= len(ngrams) * MAX_SHARED_SHARE
        for ngrams in found
    ]


def is_silent(text: str) -> bool:
    """Whether the text has no letter and no digit."""
    return not any(character.isalnum() for character in text)


def share(faults: Iterable[bool]) -> float:
    """Share of texts with a fault; 0 for no texts."""
    found = list(faults)
    return sum(found) / max(len(found), 1)


def _ngrams(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]
