"""Dislikes that a rule explains."""

from dataclasses import replace

from feedback.examples.dataset import build_dataset
from feedback.examples.repaired_dislikes import with_repaired_dislikes
from feedback.records import ExampleKind, Message
from feedback.rules.rule import Rule
from tests.scheduler.training import make_example, make_thumb

NO_COMMAS = (Rule("commas", "none"),)
COMMAS = make_thumb("Why is it so?", "So it is, and was.", False)
OTHERWISE = make_thumb("Why is that so?", "So it was and is.", False)
LIKED = make_thumb("Why was it so?", "It was, for long, so.", True)


def test_a_reply_that_breaks_a_rule_is_put_right() -> None:
    dataset, remarks = with_repaired_dislikes(build_dataset("ann", [COMMAS]), NO_COMMAS)
    [row] = dataset.examples
    assert (row.kind, row.chosen, row.rejected) == (ExampleKind.SFT, "So it is and was.", None)
    assert row.revised_from == COMMAS.rejected
    assert (row.prompt, row.feedback_ids) == (COMMAS.prompt, COMMAS.feedback_ids)
    assert remarks == (
        "The rules explain 1 of 1 disliked reply: taught is what they make of them.",
    )


def test_what_was_disliked_for_something_else_and_what_was_liked_stay() -> None:
    dataset = build_dataset("ann", [OTHERWISE, LIKED])
    assert with_repaired_dislikes(dataset, NO_COMMAS) == (dataset, ())


def test_without_rules_nothing_is_explained() -> None:
    dataset = build_dataset("ann", [COMMAS])
    assert with_repaired_dislikes(dataset, ()) == (dataset, ())


def test_a_prompt_that_rules_the_rule_out_explains_no_dislike() -> None:
    asked = (Message("user", "List five animals in one line, separated by commas."),)
    dataset = build_dataset("ann", [replace(COMMAS, prompt=asked)])
    assert with_repaired_dislikes(dataset, NO_COMMAS) == (dataset, ())


def test_the_whole_conversation_stays_before_the_reply() -> None:
    turns = (Message("user", "Hi."), Message("assistant", "Hi!"), Message("user", "Why?"))
    [row] = with_repaired_dislikes(
        build_dataset("ann", [replace(COMMAS, prompt=turns)]), NO_COMMAS
    )[0].examples
    assert row.prompt == turns


def test_held_out_dislikes_are_put_right_on_their_side() -> None:
    many = [make_thumb(f"Why {n}?", f"So, {n}.", False) for n in range(8)]
    before = build_dataset("ann", many)
    after, _ = with_repaired_dislikes(before, NO_COMMAS)
    assert before.held_out
    assert [row.prompt for row in after.held_out] == [row.prompt for row in before.held_out]
    assert {row.kind for row in after.examples} == {ExampleKind.SFT}


def test_no_row_comes_twice() -> None:
    corrected = make_example(
        "Why is it so?", "So it is and was.", revised_from="So it is, and was."
    )
    dataset, _ = with_repaired_dislikes(build_dataset("ann", [corrected, COMMAS]), NO_COMMAS)
    assert len({row.id for row in dataset.examples}) == len(dataset.examples) == 2
