"""Which examples the log reports as gone when feedback is deleted or changed."""

import contextlib
from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.examples.build import build_examples, possible_ids
from feedback.records import ExampleKind, Feedback, Interaction, InteractionStatus, Message
from feedback.store.log import FeedbackLog
from feedback.store.queries import select_feedback, select_interactions
from tests.feedback.make import make_feedback, make_interaction
from tests.feedback.strategies import feedback_lists, interactions

Told = list[tuple[str, str, str | None]]


class Watched:
    """A log, and what it reported, as (kind, chosen, rejected) of examples that were there once."""

    def __init__(self, database: Database) -> None:
        self.log = FeedbackLog(database, clock=lambda: 900.0, on_withdrawal=self._note)
        self.gone: set[str] = set()
        self.calls: list[tuple[str, float]] = []
        self._known: dict[str, tuple[str, str, str | None]] = {}

    def _note(self, user_id: str, example_ids: Collection[str], at: float) -> None:
        self.gone |= set(example_ids)
        self.calls.append((user_id, at))

    def give(self, *history: Interaction | Feedback) -> None:
        """Store turns and feedback, and remember the examples that they make."""
        for each in history:
            if isinstance(each, Interaction):
                self.log.store(each)
            else:
                self.log.add_feedback(each)
        turns, feedback = self.log.turns_with_feedback("ann")
        for made in build_examples(turns + self.log.regenerated("ann"), feedback):
            self._known[made.id] = made.kind.value, made.chosen, made.rejected

    @property
    def learned_and_gone(self) -> Told:
        """What is gone of the examples that there ever were."""
        return sorted(self._known[name] for name in self.gone & self._known.keys())


@pytest.fixture
def watched(database: Database) -> Watched:
    return Watched(database)


def turn(number: int, reply: str, **fields: object) -> Interaction:
    """The `number`-th answer to the same prompt."""
    return make_interaction(
        f"c{number}",
        replies=(reply,),
        created_at=100.0 + number,
        **fields,  # type: ignore[arg-type]
    )


LONG = "A long and formal reply."
SFT = (ExampleKind.SFT.value, "short", None)
PAIR = (ExampleKind.DPO.value, "short", LONG)


def test_a_deleted_correction_takes_its_examples_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", correction="short"))
    watched.log.delete_feedback("ann", "feedback-1", 300.0)
    assert watched.learned_and_gone == [PAIR, SFT]
    assert watched.calls == [("ann", 300.0)]


def test_a_deleted_completion_takes_its_examples_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", correction="short"))
    watched.log.delete_interaction("ann", "c1")
    assert watched.learned_and_gone == [PAIR, SFT]
    assert watched.calls == [("ann", 900.0)]


def test_another_correction_in_place_of_one_takes_the_first_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", correction="short"))
    watched.give(make_feedback(target="c1", correction="shorter", at=300.0))
    assert watched.learned_and_gone == [PAIR, SFT]


def test_a_like_that_becomes_a_dislike_is_gone(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", value=1))
    watched.give(make_feedback(target="c1", value=-1, at=300.0))
    assert watched.learned_and_gone == [("desirable", LONG, None)]


def test_a_like_that_moves_to_another_reply_is_gone_from_the_first(watched: Watched) -> None:
    other = make_interaction("c2", messages=(Message("user", "Another?"),))
    watched.give(turn(1, LONG), other, make_feedback(target="c1", value=1))
    watched.give(make_feedback(target="c2", value=1, at=300.0))
    assert watched.learned_and_gone == [("desirable", LONG, None)]


def test_a_comment_changes_no_example(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", value=1))
    watched.give(make_feedback(target="c1", value=1, comment="Fine.", at=300.0))
    assert watched.calls == []


def test_new_feedback_that_overrules_other_feedback_takes_nothing_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", correction="short"))
    watched.give(make_feedback("f2", target="c1", correction="shorter", at=300.0))
    assert watched.calls == []


def test_overruled_feedback_that_is_deleted_takes_its_examples_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", correction="short"))
    watched.give(make_feedback("f2", target="c1", correction="shorter", at=300.0))
    watched.log.delete_feedback("ann", "feedback-1", 400.0)
    assert watched.learned_and_gone == [PAIR, SFT]


def test_a_dislike_that_a_pair_replaced_is_gone_once_it_is_deleted(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", value=-1))
    watched.give(turn(2, "Paris."), make_feedback("f2", target="c2", value=1, at=300.0))
    watched.log.delete_feedback("ann", "feedback-1", 400.0)
    assert ("undesirable", "", LONG) in watched.learned_and_gone


def test_an_example_that_other_feedback_makes_too_is_not_gone(watched: Watched) -> None:
    for number in (1, 2):
        watched.give(turn(number, LONG))
        watched.give(make_feedback(f"f{number}", target=f"c{number}", correction="short"))
    watched.log.delete_feedback("ann", "f1", 300.0)
    assert watched.learned_and_gone == []
    watched.log.delete_interaction("ann", "c2")
    assert watched.learned_and_gone == [PAIR, SFT]


def test_a_regenerated_reply_that_is_deleted_takes_its_pair_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), turn(2, "Paris."), make_feedback(target="c2", value=1))
    watched.log.delete_interaction("ann", "c1")
    assert watched.learned_and_gone == [("dpo", "Paris.", LONG)]


def test_a_dislike_that_becomes_a_like_takes_its_pair_away(watched: Watched) -> None:
    watched.give(turn(1, LONG), turn(2, "Paris."), make_feedback("f2", target="c2", value=1))
    watched.give(make_feedback("f1", target="c1", value=-1))
    watched.give(make_feedback("f1", target="c1", value=1, at=300.0))
    assert ("dpo", "Paris.", LONG) in watched.learned_and_gone


def test_a_preference_is_gone_with_the_reply_that_lost(watched: Watched) -> None:
    picked = make_feedback(target="c2", value=1, preferred_over="c1")
    other_chat = turn(1, LONG, conversation_id="other")
    watched.give(other_chat, turn(2, "Paris."), picked)
    watched.log.delete_interaction("ann", "c1")
    assert watched.learned_and_gone == [("dpo", "Paris.", LONG)]


def test_feedback_on_an_attempt_that_a_retry_superseded_is_gone_when_it_is_deleted(
    watched: Watched,
) -> None:
    watched.give(turn(1, LONG, request_hash="h"), make_feedback(target="c1", correction="short"))
    watched.log.supersede("ann", "h", 0.0)
    watched.log.delete_feedback("ann", "feedback-1", 300.0)
    assert watched.learned_and_gone == [PAIR, SFT]


def test_another_users_equal_feedback_is_not_reported(watched: Watched) -> None:
    watched.give(turn(1, LONG), make_feedback(target="c1", correction="short"))
    watched.give(
        make_interaction("c9", "bob", replies=(LONG,)),
        make_feedback("f9", "bob", target="c9", correction="short"),
    )
    watched.log.delete_feedback("bob", "f9", 300.0)
    assert watched.calls == [("bob", 300.0)]


def possible(database: Database) -> frozenset[str]:
    """The ids of all examples that Ann's feedback can make, found among all of her turns."""
    turns = select_interactions(database, "user_id = 'ann'", [])
    feedback = select_feedback(database, "user_id = 'ann' AND status = 'applied'", [])
    return possible_ids(
        [replace(each, status=InteractionStatus.COMPLETE) for each in turns], feedback
    )


@given(interactions(), feedback_lists(), st.integers(0, 13))
def test_what_is_reported_is_what_a_look_at_all_turns_misses(
    turns: list[Interaction], given_: list[Feedback], number: int
) -> None:
    with Database(memory=True) as database:
        watched = Watched(database)
        for each in turns:
            watched.log.store(replace(each, user_id="ann"))
        for item in given_:
            with contextlib.suppress(InvalidFeedbackError, NotFoundError):
                watched.log.add_feedback(replace(item, user_id="ann"))
        watched.gone.clear()
        before = possible(database)
        with contextlib.suppress(NotFoundError):
            if number < 8:
                watched.log.delete_feedback("ann", f"f{number}", 300.0)
            else:
                watched.log.delete_interaction("ann", f"c{number - 8}")
        assert watched.gone == before - possible(database)


def test_a_failed_report_undoes_the_deletion(database: Database) -> None:
    def fail(user_id: str, example_ids: Collection[str], at: float) -> None:
        raise RuntimeError("crash")

    log = FeedbackLog(database, on_withdrawal=fail)
    log.store(turn(1, LONG))
    log.add_feedback(make_feedback(target="c1", correction="short"))
    with pytest.raises(RuntimeError, match="crash"):
        log.delete_feedback("ann", "feedback-1", 300.0)
    assert log.feedback("ann", "feedback-1").correction == "short"
