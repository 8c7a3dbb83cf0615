"""Contractions: always, or never."""

import re

from feedback.edits.property import Property, always
from feedback.edits.tokens import like, words

_NOT = words("is are was were do does did has have had could should would")
_IS = words("it that there here what who where how he she")
_PEOPLE = words("i you he she it we they")

_BOTH_WAYS = {
    "won't": "will not",
    "can't": "cannot",
    "let's": "let us",
    "i'm": "i am",
    **{f"{verb}n't": f"{verb} not" for verb in _NOT},
    **{f"{word}'s": f"{word} is" for word in _IS},
    **{f"{word}'re": f"{word} are" for word in ("you", "we", "they")},
    **{f"{word}'ll": f"{word} will" for word in _PEOPLE},
}
# Seldom contracted, so only ever written out.
_ONE_WAY = {
    "shan't": "shall not",
    "that'll": "that will",
    "there'll": "there will",
    **{f"{verb}n't": f"{verb} not" for verb in ("must", "need", "might")},
    **{f"{word}'ve": f"{word} have" for word in ("i", "you", "we", "they", "could", "should")},
    **{f"{word}'d": f"{word} would" for word in _PEOPLE},
}
_LONG_OF = {**_BOTH_WAYS, **_ONE_WAY}
_SHORT_OF = {long: short for short, long in _BOTH_WAYS.items()}
# "It's been" means "has", "I'd better" means "had": left as they are.
_SHORT = re.compile(
    rf"(?<!\w)(?:{'|'.join(_LONG_OF)})(?!\w|\s+(?:been|got|had|better|gone|become)\b)".replace(
        "'", "['’]"
    ),
    re.IGNORECASE,
)
# "Yes, it is." cannot be contracted.
_LONG = re.compile(rf"(?<!\w)(?:{'|'.join(_SHORT_OF)})(?=\s+\w)", re.IGNORECASE)


def _in_form(text: str, form: str) -> str:
    if form == "long":
        return _SHORT.sub(lambda m: like(_LONG_OF[m[0].lower().replace("’", "'")], m[0]), text)
    return _LONG.sub(lambda m: like(_SHORT_OF[m[0].lower()], m[0]), text)


_SENTENCES = {"short": "Uses contractions.", "long": "Uses no contractions."}

CONTRACTIONS = Property(
    "contractions",
    always(*_SENTENCES),
    lambda text, form: _in_form(text, form) == text,
    _in_form,
    _SENTENCES.__getitem__,
    _SENTENCES.__contains__,
)
