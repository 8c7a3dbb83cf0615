"""The measures of a candidate's replies: faults, plain questions, and what the user would like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.reply_measures import (
    MIN_KEPT,
    Counts,
    degeneration,
    plain_questions,
    preferred,
)
from scheduler.records import GateConfig

CONFIG = GateConfig()


def answers(right: int, wrong: int) -> tuple[bool, ...]:
    return (True,) * right + (False,) * wrong


@pytest.mark.parametrize(
    ("lost", "gained", "is_met"),
    [(3, 0, True), (4, 0, False), (5, 1, True), (6, 1, False), (0, 9, True), (9, 2, False)],
)
def test_a_significant_loss_of_plain_answers_is_refused(
    lost: int, gained: int, is_met: bool
) -> None:
    base = answers(10 + lost, gained + 2)
    candidate = (*answers(10, lost), *answers(gained, 2))
    measure = plain_questions(base, candidate)
    assert measure.is_met is is_met
    assert (measure.candidate >= measure.bound) is is_met


def test_a_refusal_says_how_many_answers_were_lost() -> None:
    measure = plain_questions(answers(16, 4), answers(11, 9), where="After another exchange")
    assert measure.sentence == (
        "After another exchange it answers 11 of 20 plain questions right, memory alone 16; it lost"
        " 5 and gained 0 (p = 0.031)."
    )
    assert (measure.base, measure.memory, measure.n) == (None, 16, 20)


@pytest.mark.parametrize(("kept", "is_met"), [(8, True), (7, False)])
def test_answers_may_be_lost_for_as_large_a_gain_in_compliance(kept: int, is_met: bool) -> None:
    base, candidate = answers(16, 4), answers(kept, 20 - kept)
    measure = plain_questions(base, candidate, where="Beside memory", compliance_gained=5 / 12)
    assert measure.is_met is is_met


@pytest.mark.parametrize(("kept", "is_met"), [(4, True), (3, False)])
def test_rules_may_cost_more_but_not_most_answers(kept: int, is_met: bool) -> None:
    measure = plain_questions(answers(16, 4), answers(kept, 20 - kept), min_kept=MIN_KEPT)
    assert measure.is_met is is_met


@pytest.mark.parametrize(
    ("faulty", "is_met"),
    [
        (Counts(0.0, 0.1), True),
        (Counts(0.0, 2 / 12), False),
        (Counts(0.5, 0.6), True),
        (Counts(0.0, 2 / 12, 0.0, 0.0), True),
        (Counts(0.0, 0.3, 0.0, 0.0), False),
        (Counts(0.0, 0.0, 0.0, 0.3), False),
        (Counts(0.2, 0.3, 0.0, 0.0), True),
        (Counts(0.0, 0.3, 0.2, 0.0), True),
    ],
)
def test_faulty_replies_are_compared_with_those_of_the_base_and_of_memory(
    faulty: Counts, is_met: bool
) -> None:
    assert degeneration(faulty, 12, CONFIG).is_met is is_met


def test_a_teacher_that_says_the_same_to_everything_is_no_excuse() -> None:
    assert not degeneration(Counts(0.0, 1.0, 1.0, 1.0), 12, CONFIG).is_met


def test_replies_that_the_user_would_like_better_are_significant() -> None:
    found = preferred([0.0] * 12, [1.0] * 9 + [-1.0] * 2 + [0.0])
    assert found.is_met
    assert (found.candidate, found.base, found.n) == (9, 2, 12)


def test_as_many_better_as_worse_replies_are_not_enough() -> None:
    found = preferred([0.0] * 12, [1.0] * 6 + [-1.0] * 6)
    assert not found.is_met
    assert found.bound > 6


def test_replies_like_the_bases_are_not_preferred() -> None:
    assert not preferred([0.5] * 12, [0.5] * 12).is_met


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=20))
def test_the_bound_of_preferred_replies_is_the_fewest_that_pass(gains: list[float]) -> None:
    found = preferred([0.0] * len(gains), gains)
    assert found.is_met == (found.candidate >= found.bound)
