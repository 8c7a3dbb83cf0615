"""Dislikes that a rule explains and repairs."""

from dataclasses import replace

from feedback.examples.dataset import build_dataset
from feedback.examples.repaired_dislikes import with_repaired_dislikes
from feedback.records import ExampleKind, Message
from feedback.rules.rule import Rule
from tests.scheduler.training import make_example, make_rating

NO_COMMAS = (Rule("commas", "none"),)
COMMAS = make_rating("Why is it so?", "So it is, and was.", False)
OTHERWISE = make_rating("Why is that so?", "So it was and is.", False)
LIKED = make_rating("Why was it so?", "It was, for long, so.", True)


def test_a_disliked_reply_that_breaks_a_rule_is_repaired() -> None:
    dataset, remarks = with_repaired_dislikes(build_dataset("ann", [COMMAS]), NO_COMMAS)
    [example] = dataset.examples
    assert (example.kind, example.chosen, example.rejected) == (
        ExampleKind.SFT,
        "So it is and was.",
        None,
    )
    assert example.revised_from == COMMAS.rejected
    assert (example.messages, example.feedback_ids) == (COMMAS.messages, COMMAS.feedback_ids)
    assert remarks == (
        "The rules explain 1 of 1 disliked reply: training uses the rewritten replies.",
    )


def test_likes_and_dislikes_that_no_rule_explains_do_not_change() -> None:
    dataset = build_dataset("ann", [OTHERWISE, LIKED])
    assert with_repaired_dislikes(dataset, NO_COMMAS) == (dataset, ())


def test_without_rules_nothing_is_repaired() -> None:
    dataset = build_dataset("ann", [COMMAS])
    assert with_repaired_dislikes(dataset, ()) == (dataset, ())


def test_a_dislike_whose_prompt_overrides_the_rule_is_not_repaired() -> None:
    asked = (Message("user", "List five animals in one line, separated by commas."),)
    dataset = build_dataset("ann", [replace(COMMAS, messages=asked)])
    assert with_repaired_dislikes(dataset, NO_COMMAS) == (dataset, ())


def test_a_repaired_example_keeps_the_whole_conversation() -> None:
    turns = (Message("user", "Hi."), Message("assistant", "Hi!"), Message("user", "Why?"))
    [example] = with_repaired_dislikes(
        build_dataset("ann", [replace(COMMAS, messages=turns)]), NO_COMMAS
    )[0].examples
    assert example.messages == turns


def test_held_out_dislikes_are_repaired_and_stay_held_out() -> None:
    many = [make_rating(f"Why {n}?", f"So, {n}.", False) for n in range(8)]
    before = build_dataset("ann", many)
    after, _ = with_repaired_dislikes(before, NO_COMMAS)
    assert before.held_out
    assert [example.messages for example in after.held_out] == [
        example.messages for example in before.held_out
    ]
    assert {example.kind for example in after.examples} == {ExampleKind.SFT}


def test_a_repaired_dislike_never_duplicates_an_example() -> None:
    corrected = make_example(
        "Why is it so?", "So it is and was.", revised_from="So it is, and was."
    )
    dataset, _ = with_repaired_dislikes(build_dataset("ann", [corrected, COMMAS]), NO_COMMAS)
    assert len({example.id for example in dataset.examples}) == len(dataset.examples) == 2
