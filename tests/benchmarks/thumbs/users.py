"""Users who only press thumbs: each likes replies of a kind that the base writes now and then."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.learning.texts import is_sound, lines

_ITEM = re.compile(r"\s*(?:[-*•+]|\d+[.)])\s")
_PREAMBLE = re.compile(
    r"\W*(?:certainly|sure|of course|absolutely|great|here(?:'s| is| are)|as an ai|i'm sorry)\b",
    re.IGNORECASE,
)
_YOU = re.compile(r"\b(?:you|your|yours)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ThumbsUser:
    """A user with one wish, who never says it."""

    name: str
    wish: str
    check: Callable[[str], bool]

    def likes(self, reply: str) -> bool:
        """Whether they press thumbs up. An empty or repetitive reply gets thumbs down."""
        return is_sound(reply) and self.check(reply)


def is_short(reply: str) -> bool:
    """At most fifty words."""
    return len(reply.split()) <= 50


def is_running_text(reply: str) -> bool:
    """No list item, heading or code."""
    marked = (_ITEM.match(line) or line.startswith(("#", "```")) for line in lines(reply))
    return not any(marked)


def is_list(reply: str) -> bool:
    """At least three list items."""
    return sum(_ITEM.match(line) is not None for line in lines(reply)) >= 3


def is_direct(reply: str) -> bool:
    """The reader is spoken to, more than once."""
    return len(_YOU.findall(reply)) >= 2


def has_no_preamble(reply: str) -> bool:
    """The first words already answer."""
    return not _PREAMBLE.match(reply)


USERS = (
    ThumbsUser("short", "At most fifty words.", is_short),
    ThumbsUser("prose", "Running text: no lists, headings or code.", is_running_text),
    ThumbsUser("lists", "At least three list items.", is_list),
    ThumbsUser("direct", "Speaks to the reader.", is_direct),
    ThumbsUser("no-preamble", "Begins with the answer.", has_no_preamble),
)
