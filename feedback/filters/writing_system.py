"""A reply in another script than all others of the user: where certain, it is a slip.

Scripts, not languages: telling short texts of two languages in one script apart is guesswork.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.records import TrainingExample

MIN_ROWS = 20
MIN_LETTERS = 20
MAIN_SHARE = 0.9
"""A reply is in a script when this share of its letters is."""
USUAL_SHARE = 0.95
"""A user writes in a script when this share of the replies is in it."""

_LATIN = "LATIN"
# Japanese and Korean mix these in one sentence.
_FAMILIES = dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"), "EAST ASIAN")
# Who asks for another language gets it: stems, as several languages have them.
_ASKS_FOR_IT = re.compile(
    r"\b(?:translat|übersetz|tradu|vertal|vertaal|alphabet|script|language|sprache|langue|lengua"
    r"|idioma|russ|rus[oi]|ukrain|ucran|bulgar|serb|maced|belarus|mongol|kazakh|gre[ceg]|griech"
    r"|grieg|chin|mandarin|canton|japan|japon|giappon|kore|core|arab|persi|farsi|urdu|pashto|hebr"
    r"|yiddish|hindi|sanskrit|bengal|punjab|gujarat|marath|tamil|telugu|kannada|malayal|thai|lao"
    r"|khmer|burm|tibet|georg|armen|amhar|cyril|kyril|kanji|hangul)",
    re.IGNORECASE,
)


def rejections(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows, by id, whose reply is the only one in a script that nobody asked for.

    Decided only for users who write in Latin letters, the only ones whose requests for another
    language are recognised, and only with enough rows. What a person wrote stays.
    """
    of_reply = {row.id: script(row.example.chosen) for row in rows}
    # A reply can make several rows.
    replies = {(row.example.prompt, row.example.chosen): of_reply[row.id] for row in rows}
    counts = Counter(each for each in replies.values() if each is not None)
    if counts.total() < MIN_ROWS or counts[_LATIN] / counts.total() < USUAL_SHARE:
        return {}
    return {
        row.id: Rejection(RejectionReason.OTHER_SCRIPT, _why(used))
        for row in rows
        if (used := of_reply[row.id]) not in (None, _LATIN)
        and counts[used] == 1
        and not row.is_written
        and not _is_asked_for(row.example, used)
    }


def script(text: str) -> str | None:
    """The script of nearly all letters of a text; None for a mixed text or one of few letters."""
    counts = Counter(found for each in text if (found := _script_of(each)) is not None)
    if counts.total() < MIN_LETTERS:
        return None
    [(name, count)] = counts.most_common(1)
    return name if count >= MAIN_SHARE * counts.total() else None


@lru_cache(maxsize=4096)
def _script_of(character: str) -> str | None:
    if not character.isalpha():
        return None
    first_word = unicodedata.name(character, "").partition(" ")[0]
    return _FAMILIES.get(first_word, first_word) or None


def _is_asked_for(example: TrainingExample, used: str) -> bool:
    said = "\n".join(turn.content for turn in example.prompt)
    return _ASKS_FOR_IT.search(said) is not None or used in map(_script_of, said)


def _why(used: str) -> str:
    name = "East Asian" if used == "EAST ASIAN" else used.capitalize()
    return f"The reply is the only one in {name} letters, and nothing in the prompt asks for that."
