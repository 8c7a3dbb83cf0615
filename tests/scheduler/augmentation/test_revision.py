"""Revisions by comments: which are valid, and what is added to them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.judged_replies import CommentedReply
from feedback.records import ExampleKind, ExampleSource
from feedback.rules.rule import Rule
from scheduler.augmentation.revision import MAX_REQUEST_BYTES, is_valid_revision, revise
from tests.feedback.make import make_feedback, make_interaction
from tests.scheduler.world import World

ORIGINAL = "The capital of France is Paris. It lies on the Seine. It is old."
TURN = make_interaction("one", replies=(ORIGINAL,))
COMMENTED = CommentedReply(TURN, make_feedback("c1", target="one", comment="Be brief."))
EXCHANGES = (("Why is it dark?", "It is night. The sun"), ("Who?", "Nobody."))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, Database(memory=True))


class Base:
    """Says the same to every request, and remembers them."""

    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        self.asked += prompts
        return [self.reply] * len(prompts)


def test_a_revision_is_learned_as_a_correction_of_the_original() -> None:
    base = Base(" Paris.\n")
    examples, sentence = revise("ann", [COMMENTED], (), EXCHANGES, base)
    revision = examples[-1]
    assert (revision.kind, revision.chosen, revision.revised_from) == (
        ExampleKind.SFT,
        "Paris.",
        ORIGINAL,
    )
    assert (revision.messages, revision.source) == (TURN.messages, ExampleSource.COMMENT)
    assert (revision.interaction_ids, revision.feedback_ids) == (("one",), ("c1",))
    assert sentence == "The base followed 1 of 1 comment in a revised reply."
    [request] = base.asked
    assert all(text in request for text in (TURN.messages[0].content, ORIGINAL, "Be brief."))


def test_as_many_unchanged_replies_to_other_prompts_are_added() -> None:
    examples, _ = revise("ann", [COMMENTED], (), EXCHANGES, Base("Paris."))
    assert [(e.messages[0].content, e.chosen, e.revised_from) for e in examples[:-1]] == [
        ("Why is it dark?", "It is night.", "It is night.")
    ]
    assert examples[0].is_truncated


def test_an_invalid_revision_makes_no_example() -> None:
    examples, sentence = revise("ann", [COMMENTED], (), EXCHANGES, Base(ORIGINAL))
    assert examples == ()
    assert sentence == "The base followed 0 of 1 comment in a revised reply."


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "...",
        ORIGINAL,
        "Be brief.",
        "Paris it is. " * 9,
        "The capital of France is",
        "Here is the revised response: Paris.",
        " ".join(f"Word number {n}." for n in range(40)),
    ],
)
def test_a_reply_that_does_not_do_what_the_comment_asks_is_invalid(reply: str) -> None:
    assert not is_valid_revision(reply, COMMENTED, ())


def test_a_revision_follows_the_rules_that_the_original_follows() -> None:
    rule = Rule("emphasis", "none")
    assert is_valid_revision("Paris.", COMMENTED, [rule])
    assert not is_valid_revision("**Paris**.", COMMENTED, [rule])


def test_a_reply_that_is_too_long_is_not_revised() -> None:
    base = Base("Paris.")
    long = replace(TURN, replies=("x" * MAX_REQUEST_BYTES,))
    assert revise("ann", [replace(COMMENTED, interaction=long)], (), EXCHANGES, base)[0] == ()
    assert base.asked == []


def test_a_comment_is_trained_on_if_the_base_follows_instructions(world: World) -> None:
    world.comment("ann", world.answer("ann", "one"), "Be brief.")
    run = world.train("ann")
    [dataset] = world.trainer.datasets
    assert [e.chosen for e in dataset.train if e.source == ExampleSource.COMMENT] == [
        "A sensible reply."
    ]
    assert "The base followed 1 of 1 comment" in str(run.report["fit"]["sentences"])


def test_if_the_base_does_not_a_comment_alone_is_nothing_to_learn_from(world: World) -> None:
    world.follows_instructions = False
    world.comment("ann", world.answer("ann", "one"), "Be brief.")
    assert world.train("ann").reason == "nothing to learn from yet"


def test_a_comment_in_a_held_out_conversation_is_not_trained_on(world: World) -> None:
    for name in "abcde":
        world.correct("ann", name)
    world.train("ann")
    held_out = world.trainer.datasets[0].held_out[0].conversation_id.removeprefix("ann-")
    world.comment("ann", world.answer("ann", held_out, "Another reply that is bad."), "Be brief.")
    world.train("ann")
    assert not [
        each for each in world.trainer.datasets[-1].train if each.source == ExampleSource.COMMENT
    ]
