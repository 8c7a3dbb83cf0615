"""Questions like the user's own."""

from dataclasses import replace

import pytest

from feedback.records import Message
from scheduler.teaching.questions import NUM_LISTS, new_questions, own_questions, question_lists
from tests.scheduler.training import make_example

OWN = [f"How do I cook {what}?" for what in ("rice", "an egg", "potatoes", "lentils")]


def test_a_list_is_a_plain_text_to_continue() -> None:
    assert question_lists(["Sing a song."], seed=0)[0].endswith("\n\nTask 1: Sing a song.\nTask 2:")


def test_the_lists_hold_the_users_questions_in_different_orders() -> None:
    found = question_lists(OWN, seed=0)
    assert len(found) == NUM_LISTS
    assert all(all(each in text for each in OWN) for text in found)
    assert len(set(found)) > 1


def test_the_same_seed_makes_the_same_lists() -> None:
    assert question_lists(OWN, seed=3) == question_lists(OWN, seed=3) != question_lists(OWN, seed=4)


def test_without_a_question_there_is_no_list() -> None:
    assert question_lists([], seed=0) == ()


def test_only_questions_that_stand_alone_in_a_line_count() -> None:
    good = make_example("How do I\ncook rice?", "Like this.")
    under_a_system_prompt = replace(good, messages=(Message("system", "Be brief."), *good.messages))
    long = make_example("word " * 200, "So.")
    alone = make_example("And then, what follows?", "This.")
    later = replace(
        alone, messages=(Message("user", "Hi"), Message("assistant", "Hello"), *alone.messages)
    )
    assert own_questions([good, under_a_system_prompt, long, later]) == ("How do I cook rice?",)


def test_what_is_known_or_no_question_is_left_out() -> None:
    lines = [" 5. How do I bake bread?", "How do I cook rice ?", "How do I bake bread?", "", "ok"]
    assert new_questions(lines, OWN) == ("How do I bake bread?",)


@pytest.mark.parametrize(
    ("line", "question"),
    [
        (" Tell me a joke.", "Tell me a joke."),
        ('"Tell me a joke."', "Tell me a joke."),
        ("4. Tell me a joke.", "Tell me a joke."),
        ("- Tell me a joke.", "Tell me a joke."),
        ("Task 3: Tell me a joke.", "Tell me a joke."),
    ],
)
def test_list_markers_and_quotes_around_a_line_are_removed(line: str, question: str) -> None:
    assert new_questions([line], OWN) == (question,)


def test_quotes_inside_a_line_are_not_removed() -> None:
    assert new_questions(['"Sing" or rather "dance"'], OWN) == ()
