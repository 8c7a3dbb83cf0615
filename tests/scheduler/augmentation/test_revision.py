"""What the base makes of comments: which of its replies are kept, and what stands beside them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.judged_replies import CommentedReply
from feedback.records import ExampleKind, ExampleSource
from feedback.rules.rule import Rule
from scheduler.augmentation.revision import is_valid_revision, revise
from scheduler.augmentation.self_distillation import MAX_REQUEST_BYTES
from tests.feedback.make import make_feedback, make_interaction
from tests.scheduler.world import World

ORIGINAL = "The capital of France is Paris. It lies on the Seine. It is old."
TURN = make_interaction("one", replies=(ORIGINAL,))
COMMENTED = CommentedReply(TURN, make_feedback("c1", target="one", comment="Be brief."))
REFERENCES = (("Why is it dark?", "It is night. The sun"), ("Who?", "Nobody."))


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


def test_a_new_reply_is_learned_as_a_correction_of_the_old_one() -> None:
    base = Base(" Paris.\n")
    rows, sentence = revise("ann", [COMMENTED], (), REFERENCES, base)
    row = rows[-1]
    assert (row.kind, row.chosen, row.revised_from) == (ExampleKind.SFT, "Paris.", ORIGINAL)
    assert (row.prompt, row.source) == (TURN.messages, ExampleSource.COMMENT)
    assert (row.interaction_ids, row.feedback_ids) == (("one",), ("c1",))
    assert sentence == "Of 1 comment the base could follow 1 in a reply of its own."
    [request] = base.asked
    assert all(text in request for text in (TURN.messages[0].content, ORIGINAL, "Be brief."))


def test_as_many_replies_to_other_prompts_stay_as_the_base_gives_them() -> None:
    rows, _ = revise("ann", [COMMENTED], (), REFERENCES, Base("Paris."))
    assert [(row.prompt[0].content, row.chosen, row.revised_from) for row in rows[:-1]] == [
        ("Why is it dark?", "It is night.", "It is night.")
    ]
    assert rows[0].is_truncated


def test_what_fails_a_check_makes_no_row_and_needs_no_anchor() -> None:
    rows, sentence = revise("ann", [COMMENTED], (), REFERENCES, Base(ORIGINAL))
    assert rows == ()
    assert sentence == "Of 1 comment the base could follow 0 in a reply of its own."


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
def test_no_reply_stands_for_a_comment_that_it_cannot_mean(reply: str) -> None:
    assert not is_valid_revision(reply, COMMENTED, ())


def test_a_rule_that_the_original_kept_is_kept() -> None:
    rule = Rule("emphasis", "none")
    assert is_valid_revision("Paris.", COMMENTED, [rule])
    assert not is_valid_revision("**Paris**.", COMMENTED, [rule])


def test_what_is_too_long_to_be_asked_is_not_asked() -> None:
    base = Base("Paris.")
    long = replace(TURN, replies=("x" * MAX_REQUEST_BYTES,))
    assert revise("ann", [replace(COMMENTED, interaction=long)], (), REFERENCES, base)[0] == ()
    assert base.asked == []


def test_a_comment_is_trained_on_where_the_base_heeds_notes(world: World) -> None:
    world.comment("ann", world.answer("ann", "one"), "Be brief.")
    run = world.train("ann")
    [dataset] = world.trainer.datasets
    assert [row.chosen for row in dataset.train if row.source == ExampleSource.COMMENT] == [
        "A sensible reply."
    ]
    assert "Of 1 comment the base could follow 1" in str(run.report["fit"]["sentences"])


def test_where_it_does_not_a_comment_alone_is_nothing_to_learn_from(world: World) -> None:
    world.follows_instructions = False
    world.comment("ann", world.answer("ann", "one"), "Be brief.")
    assert world.train("ann").reason == "nothing to learn from yet"


def test_no_comment_is_trained_on_in_a_conversation_that_is_held_out(world: World) -> None:
    for name in "abcde":
        world.correct("ann", name)
    world.train("ann")
    held_out = world.trainer.datasets[0].held_out[0].conversation_id.removeprefix("ann-")
    world.comment("ann", world.answer("ann", held_out, "Another reply that is bad."), "Be brief.")
    world.train("ann")
    assert not [
        row for row in world.trainer.datasets[-1].train if row.source == ExampleSource.COMMENT
    ]
