"""Says whether a text is stuck in a loop. Pure."""

import re

NGRAM = 4
MIN_DISTINCT_SHARE = 0.6


def is_repetitive(text: str) -> bool:
    """Whether fewer than 60 % of the text's 4-word sequences are distinct.

    A word is a run of letters and digits, or one other visible character. Texts of fewer than 12
    words never count.
    """
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    if len(words) < 12:
        return False
    ngrams = [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]
    return len(set(ngrams)) / len(ngrams) < MIN_DISTINCT_SHARE


def repetitive_share(texts: list[str]) -> float:
    """Share of texts that loop; 0 for no texts."""
    return sum(map(is_repetitive, texts)) / max(len(texts), 1)
