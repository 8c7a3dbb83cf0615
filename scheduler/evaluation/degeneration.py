"""Replies that are wrong whatever was asked: loops, collapsed, echoed, empty. Pure."""

from collections import Counter
from collections.abc import Collection, Sequence

from feedback.text.repetition import is_repetitive, word_ngrams

Ngram = tuple[str, ...]

MAX_SHARED_SHARE = 0.5
MAX_PROMPT_SHARE = 0.5


def collapsed(texts: Sequence[str], usual: Collection[Ngram] = ()) -> list[bool]:
    """Which texts share at least half of their 4-word sequences with other texts.

    The `usual` sequences count as a text's own. A collapsed model gives one reply to everything,
    such as an evasion. A word is a run of letters and digits, or three letters where words have no
    spaces. Texts of fewer than 4 words never count.
    """
    found = [_sequences(text) for text in texts]
    in_texts = Counter(ngram for own in found for ngram in own.difference(usual))
    return [
        bool(own) and sum(in_texts[each] > 1 for each in own) >= len(own) * MAX_SHARED_SHARE
        for own in found
    ]


def shared_sequences(texts: Sequence[str]) -> set[Ngram]:
    """The 4-word sequences that stand in several texts, such as a wanted closing."""
    in_texts = Counter(ngram for text in texts for ngram in _sequences(text))
    return {ngram for ngram, count in in_texts.items() if count > 1}


def echoes_prompt(prompt: str, reply: str) -> bool:
    """Whether at least half of the reply's 4-word sequences are the prompt's, as in `collapsed`."""
    own = _sequences(reply)
    return bool(own) and len(own & _sequences(prompt)) >= len(own) * MAX_PROMPT_SHARE


def is_empty(text: str) -> bool:
    """Whether the text has no letter and no digit."""
    return not any(character.isalnum() for character in text)


def is_sound(text: str) -> bool:
    """Whether a reply says something and does not loop."""
    return not (is_empty(text) or is_repetitive(text))


def share_of_faulty(
    prompts: Sequence[str], texts: Sequence[str], usual: Collection[Ngram] = ()
) -> float:
    """The share, in 0..1, of replies that are not sound, repeat other replies or echo their prompt.

    To have the `usual` sequences, such as a wanted closing, is no fault. 0 for no replies.
    """
    faults = [
        not is_sound(text) or is_alike or echoes_prompt(prompt, text)
        for prompt, text, is_alike in zip(prompts, texts, collapsed(texts, usual), strict=True)
    ]
    return sum(faults) / max(len(faults), 1)


def _sequences(text: str) -> set[Ngram]:
    return set(word_ngrams(text))
