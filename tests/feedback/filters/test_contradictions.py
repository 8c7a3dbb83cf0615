import pytest

from feedback.filters.contradictions import normalised_prompt, rejections
from feedback.records import ExampleKind, Message
from tests.feedback.filters.make import make_row


def test_the_newest_correction_of_a_prompt_wins() -> None:
    old = make_row(chosen="It is Paris.", at=1.0, source="correction")
    new = make_row(chosen="paris", at=2.0, source="correction")
    [(name, rejection)] = rejections([new, old]).items()
    assert (name, rejection.other, rejection.reason) == (old.id, new.id, "contradicted")


def test_a_correction_overrules_older_likes_and_their_pairs() -> None:
    items = [
        make_row(chosen="It is Paris.", at=1.0),
        make_row(chosen="It is Paris.", rejected="Lyon.", at=1.0, source="regenerated"),
        make_row(chosen="paris", at=2.0, source="correction"),
        make_row(chosen="paris", rejected="It is Paris.", at=2.0, source="correction"),
    ]
    assert set(rejections(items)) == {items[0].id, items[1].id}


def test_a_newer_like_does_not_overrule_a_correction() -> None:
    items = [
        make_row(chosen="paris", at=1.0, source="correction"),
        make_row(chosen="It is Paris.", at=2.0),
    ]
    assert rejections(items) == {}


def test_a_correction_does_not_contradict_a_dislike() -> None:
    wrong = make_row(
        chosen="", rejected="Lyon.", kind=ExampleKind.UNDESIRABLE, at=1.0, source="disliked"
    )
    assert rejections([wrong, make_row(chosen="paris", at=2.0, source="correction")]) == {}


def test_two_liked_replies_do_not_contradict_each_other() -> None:
    assert rejections([make_row(chosen="A joke.", at=1.0), make_row(chosen="Ho ho.", at=2.0)]) == {}


def test_a_near_duplicate_of_the_newest_correction_does_not_contradict_it() -> None:
    long = "The capital of France is Paris, a city on the river Seine."
    items = [
        make_row(chosen=long, at=1.0, source="correction"),
        make_row(chosen=f"{long} ", at=2.0, source="correction"),
    ]
    assert rejections(items) == {}


def test_the_newest_of_two_reversed_preferences_wins() -> None:
    old = make_row(chosen="Yes.", rejected="No.", at=1.0, source="preference")
    new = make_row(chosen="No.", rejected="Yes.", at=2.0, source="preference")
    other = make_row(chosen="No.", rejected="Perhaps.", at=1.0, source="preference")
    assert set(rejections([old, new, other])) == {old.id}


@pytest.mark.parametrize(
    "same",
    [
        "what is the capital of france",
        "What's the capital of France???",
        "  Please:  What is the capital\nof France?",
    ],
)
def test_prompts_that_differ_only_in_typing_are_equal(same: str) -> None:
    assert normalised_prompt(make_row(same).example) == normalised_prompt(make_row().example)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("What is the capital of France?", "What is the capital of Spain?"),
        ("Why is it good?", "Why is it not good?"),
        ("What does a++ do?", "What does a-- do?"),
        ("Flights to Rome", "Flights from Rome"),
        ("Room 12", "Room 21"),
        ("Summarise this: " + "word " * 200, "Translate this: " + "word " * 200),
    ],
)
def test_prompts_that_ask_for_something_else_are_not_equal(one: str, two: str) -> None:
    assert normalised_prompt(make_row(one).example) != normalised_prompt(make_row(two).example)


def test_the_same_question_after_other_turns_is_another_prompt() -> None:
    earlier = (Message("user", "Hi"), Message("assistant", "Hello."))
    question = Message("user", "What is the capital of France?")
    assert normalised_prompt(make_row((*earlier, question)).example) != normalised_prompt(
        make_row().example
    )
