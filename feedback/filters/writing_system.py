"""Rejects the only reply in another script than all the user's others: it is probably a slip.

Compares scripts, not languages: the language of a short text is guesswork.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.records import TrainingExample

MIN_REPLIES = 20
MIN_LETTERS = 20
MIN_LETTER_SHARE = 0.9
"""A reply is in a script if at least this share of its letters is."""
MIN_REPLY_SHARE = 0.95
"""A user writes in a script if at least this share of the replies is in it."""

_LATIN = "LATIN"
# Japanese and Korean mix these in one sentence.
_FAMILIES = dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"), "EAST ASIAN")
# Requests for another language or script, as word stems in several languages.
_ASKS_FOR_IT = re.compile(
    r"\b(?:translat|übersetz|tradu|vertal|vertaal|alphabet|script|language|sprache|langue|lengua"
    r"|idioma|russ|rus[oi]|ukrain|ucran|bulgar|serb|maced|belarus|mongol|kazakh|gre[ceg]|griech"
    r"|grieg|chin|mandarin|canton|japan|japon|giappon|kore|core|arab|persi|farsi|urdu|pashto|hebr"
    r"|yiddish|hindi|sanskrit|bengal|punjab|gujarat|marath|tamil|telugu|kannada|malayal|thai|lao"
    r"|khmer|burm|tibet|georg|armen|amhar|cyril|kyril|kanji|hangul)",
    re.IGNORECASE,
)


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples, by id, whose reply is the only one in a script that nobody asked for.

    Only for users with enough replies who write in Latin letters, because only their requests for
    another language are recognised. Hand-written replies are always accepted.
    """
    scripts = {each.id: script(each.example.chosen) for each in examples}
    # One reply can make several examples.
    replies = {(each.example.messages, each.example.chosen): scripts[each.id] for each in examples}
    counts = Counter(each for each in replies.values() if each is not None)
    if counts.total() < MIN_REPLIES or counts[_LATIN] / counts.total() < MIN_REPLY_SHARE:
        return {}
    return {
        each.id: Rejection(RejectionReason.OTHER_SCRIPT, _why(used))
        for each in examples
        if (used := scripts[each.id]) not in (None, _LATIN)
        and counts[used] == 1
        and not each.is_hand_written
        and not _is_asked_for(each.example, used)
    }


def script(text: str) -> str | None:
    """The script of nearly all letters of a text; None if it is mixed or has few letters."""
    counts = Counter(found for each in text if (found := _script_of(each)) is not None)
    if counts.total() < MIN_LETTERS:
        return None
    [(name, count)] = counts.most_common(1)
    return name if count >= MIN_LETTER_SHARE * counts.total() else None


@lru_cache(maxsize=4096)
def _script_of(character: str) -> str | None:
    if not character.isalpha():
        return None
    first_word = unicodedata.name(character, "").partition(" ")[0]
    return _FAMILIES.get(first_word, first_word) or None


def _is_asked_for(example: TrainingExample, used: str) -> bool:
    prompt = "\n".join(turn.content for turn in example.messages)
    return _ASKS_FOR_IT.search(prompt) is not None or used in map(_script_of, prompt)


def _why(used: str) -> str:
    name = "East Asian" if used == "EAST ASIAN" else used.capitalize()
    return f"The reply is the only one in {name} letters, and nothing in the prompt asks for that."
