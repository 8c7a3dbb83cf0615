"""No hedging with "I think", "perhaps" and the like."""

import re

from feedback.rules.attributes.attribute import choice
from feedback.text.structure import sentence_starts

_THINK = r"(?:I\ (?:think|believe|guess|suppose|would\ say)|I['’]d\ say|it\ (?:seems|appears))"
_PERHAPS = (
    r"(?:perhaps|maybe|possibly|probably|presumably|arguably|apparently"
    r"|in\ my\ (?:humble\ )?opinion|as\ far\ as\ I\ know|if\ you\ ask\ me)"
)
_HEDGE = re.compile(
    rf"""
      ,\ (?:{_THINK}|{_PERHAPS})(?:,|(?=[.!?]))                             # it is, I think, so
    | (?<!\w)(?:{_THINK}\ that\ |{_PERHAPS},?\ |I\ (?:think|believe|guess|suppose),?\ )
      (?!of\b|in\b|about\b|so\b|not\b|that\b)(?P<next>\w?)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _without_hedges(text: str, value: str) -> str:
    starts = sentence_starts(text)

    def removed(match: re.Match[str]) -> str:
        following = match["next"] or ""
        return following.upper() if match.start() in starts else following

    return _HEDGE.sub(removed, text)


HEDGING = choice(
    "hedging",
    {"none": "Does not hedge with “I think”, “perhaps” and the like."},
    lambda text, value: _HEDGE.search(text) is None,
    _without_hedges,
)
