"""What a teacher wrote, as a fit learns it. Needs no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback.records import Message

NUM_TOP = 50
"""How many of the teacher's likeliest tokens a fit sees at each place. They hold nearly all of the
probability (Tinker's distillation takes 20, OpenClaw's 50)."""


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """A reply of the teacher, who was `shown` the student's `messages` and the user's memory.

    `later` is how a chat would ask the same after another exchange, with memory; the teacher is not
    shown that exchange. It is empty for a reply to learn.

    `ids` are the tokens of its `text`, its end of turn included unless it was truncated. For each
    of them `top` has the teacher's likeliest tokens there, as (token id, log-probability).
    """

    messages: tuple[Message, ...]
    shown: tuple[Message, ...]
    later: tuple[Message, ...]
    text: str
    ids: tuple[int, ...]
    top: tuple[tuple[tuple[int, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Lessons:
    """The teacher's replies to learn, and those to other prompts that measure the student."""

    taught: tuple[TeacherReply, ...]
    unseen: tuple[TeacherReply, ...]


def write_lessons(lessons: Lessons, file: Path) -> None:
    """Write them as two JSON lines of replies."""
    parts = (lessons.taught, lessons.unseen)
    lines = [json.dumps([_to_json(each) for each in part], allow_nan=False) for part in parts]
    file.write_text("\n".join(lines), encoding="utf-8")


def read_lessons(file: Path) -> Lessons:
    """Read what `write_lessons` wrote. Raises `ValueError` for another file."""
    try:
        taught, unseen = file.read_text(encoding="utf-8").split("\n")
        return Lessons(
            tuple(map(_from_json, json.loads(taught))), tuple(map(_from_json, json.loads(unseen)))
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file.name} holds no replies of a teacher: {error}") from error


def _to_json(reply: TeacherReply) -> list[Any]:
    chats = (reply.messages, reply.shown, reply.later)
    turns = [[[m.role, m.content] for m in each] for each in chats]
    return [*turns, reply.text, reply.ids, reply.top]


def _from_json(stored: list[Any]) -> TeacherReply:
    *chats, text, ids, top = stored
    messages, shown, later = (
        tuple(Message(role, content) for role, content in each) for each in chats
    )
    return TeacherReply(
        messages,
        shown,
        later,
        text,
        tuple(ids),
        tuple(tuple((token, value) for token, value in place) for place in top),
    )
