"""The list that the base continues, and the instruction in its text."""

import pytest

from feedback.proposals.self_instruct import (
    continuation_prompt,
    parse_instructions,
    seed_instructions,
)
from feedback.records import Message
from feedback.task_types import TaskType


def asked(*texts: str) -> tuple[Message, ...]:
    return tuple(Message("user", text) for text in texts)


def test_the_prompt_is_a_list_to_continue() -> None:
    assert continuation_prompt(["Sing a song.", "Tell a joke."]).endswith(
        "Task 1: Sing a song.\nTask 2: Tell a joke.\nTask 3:"
    )


def test_the_seeds_are_the_users_first_messages_by_task_type_each_once() -> None:
    found = seed_instructions(
        [
            asked("Who was\n Ada Lovelace?"),
            (Message("system", "Be brief."), *asked("Who was Ada Lovelace?")),
            asked("Write a poem about rain."),
        ]
    )
    assert found == {
        TaskType.FACT: ("Who was Ada Lovelace?",),
        TaskType.WRITING: ("Write a poem about rain.",),
    }


def test_follow_ups_and_long_texts_are_not_seeds() -> None:
    reply = Message("assistant", "She was a mathematician.")
    long = "Summarise this text for me: " + "it rained and rained, " * 40
    follow_up = (*asked("Who was Ada?"), reply, *asked("And when did she live?"))
    assert seed_instructions([follow_up, asked(long), ()]) == {}


@pytest.mark.parametrize(
    "text",
    [
        " Tell a joke.",
        '"Tell a joke."',
        "4. Tell a joke.",
        "- Tell a joke.",
        "Task 3: Tell a joke.",
    ],
)
def test_list_markers_and_quotes_are_removed(text: str) -> None:
    assert parse_instructions(text) == "Tell a joke."


def test_quotes_inside_an_instruction_stay() -> None:
    assert parse_instructions('"Yes" or "no"') == '"Yes" or "no"'
