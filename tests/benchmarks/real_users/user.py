"""A user whose corrections were written by hand, and how a program checks a reply to them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.learning.texts import is_sound
from tests.benchmarks.real_users.forms import FORMS

FOLDER = Path(__file__).with_name("users")

_COPIED = 0.8


@dataclass(frozen=True, slots=True)
class Lesson:
    """One item of feedback on the base's reply to `prompt`: what was wanted, or a comment."""

    prompt: str
    wanted: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt that nothing is learned from, and what a right reply says.

    Each of `needs` is a list of regular expressions, of which a right reply matches at least one.
    The 0.5B base meets them if the prompt says the wish, or comes after one of the first five
    lessons that states the needed fact.
    """

    prompt: str
    needs: tuple[tuple[str, ...], ...]

    def is_answered(self, reply: str) -> bool:
        """Whether the reply says all that a right one says, in whatever form."""
        return all(
            any(re.search(pattern, reply, re.IGNORECASE) for pattern in alternatives)
            for alternatives in self.needs
        )


@dataclass(frozen=True, slots=True)
class RealUser:
    """A user with one wish.

    `unseen` are prompts to which the wish applies. `plain` are prompts whose right answer the base
    knows, and which the user asks as well: they must stay right in whatever form. `held_out` users
    are not looked at until the learning code is final.
    """

    name: str
    kind: str
    wants: str
    is_attribute: bool
    held_out: bool
    lessons: tuple[Lesson, ...]
    unseen: tuple[Question, ...]
    plain: tuple[Question, ...]

    def accepts(self, question: Question, reply: str) -> bool:
        """Whether a reply to an unseen prompt is as the user wants it, in form and content."""
        return (
            is_sound(reply)
            and FORMS[self.name](reply)
            and question.is_answered(reply)
            and not self._is_copied(reply)
        )

    def _is_copied(self, reply: str) -> bool:
        """Whether the reply is most of one of the user's own corrections, and little else.

        A sentence of a correction may be the right answer to another question about it.
        """
        own = _sequences(reply)
        wanted = (_sequences(lesson.wanted) for lesson in self.lessons if lesson.wanted)
        return any(own and len(own & each) >= _COPIED * max(len(own), len(each)) for each in wanted)


def read_user(path: Path) -> RealUser:
    """The user of one file."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return RealUser(
        path.stem,
        stored["kind"],
        stored["wants"],
        stored["is_attribute"],
        stored["held_out"],
        tuple(
            Lesson(each["prompt"], each.get("wanted"), each.get("comment"))
            for each in stored["lessons"]
        ),
        _questions(stored["unseen"]),
        _questions(stored["plain"]),
    )


def read_users() -> list[RealUser]:
    """All users, by name."""
    return [read_user(path) for path in sorted(FOLDER.glob("*.json"))]


def _sequences(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


def _questions(stored: Sequence[Any]) -> tuple[Question, ...]:
    return tuple(
        Question(each["prompt"], tuple(tuple(patterns) for patterns in each["needs"]))
        for each in stored
    )
