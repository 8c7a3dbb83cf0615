"""The measures of an adapter that learned from a teacher."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.gate import judge
from scheduler.evaluation.reply_measures import Counts
from scheduler.evaluation.teacher_measures import TaughtReplies, gap_closed, teacher_measures
from scheduler.records import Evaluation, Outcome
from tests.scheduler.evaluations import without_held_out

EVALUATION = without_held_out(
    num_unseen=12,
    num_closer=12,
    teacher_kl_base=1.0,
    teacher_kl=0.3,
    num_closer_later=10,
    teacher_kl_base_later=0.6,
    teacher_kl_later=0.1,
)
REPLIES = TaughtReplies(
    num_left_out=2,
    left_out=Counts(-4.0, -3.2, -3.0, -2.9),
    num_replies=12,
    surprise=(-0.4, -0.5),
)


def failed(evaluation: Evaluation = EVALUATION, replies: TaughtReplies = REPLIES) -> list[str]:
    return [each.name for each in teacher_measures(evaluation, replies) if not each.is_met]


def test_a_good_candidate_is_allowed_with_all_its_measures() -> None:
    found = teacher_measures(EVALUATION, REPLIES)
    verdict = judge(found)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons == tuple(each.sentence for each in found)
    assert verdict.measures == found
    assert verdict.reasons[0].startswith(
        "On 12 unseen prompts it goes 70% of the way from the base to the base with memory"
    )


def test_a_candidate_that_stays_at_the_base_is_refused() -> None:
    null = replace(EVALUATION, teacher_kl=1.0, num_closer=6)
    assert failed(null) == ["adherence"]
    assert gap_closed(null) == 0


def test_a_gain_that_may_be_chance_is_refused() -> None:
    assert failed(replace(EVALUATION, num_closer=7)) == ["adherence"]


def test_a_candidate_that_spoils_memory_is_refused() -> None:
    assert failed(replace(EVALUATION, teacher_kl_later=0.7)) == ["adherence in later turns"]
    worse = replace(REPLIES, left_out=Counts(-4.0, -3.0, -3.0, -3.25))
    assert failed(replies=worse) == ["left-out texts"]
    nearly = replace(REPLIES, left_out=Counts(-4.0, -3.0, -3.0, -3.09))
    assert failed(replies=nearly) == []


def test_without_left_out_texts_the_others_decide() -> None:
    found = teacher_measures(EVALUATION, replace(REPLIES, num_left_out=0, left_out=None))
    assert "left-out texts" not in [each.name for each in found]


@pytest.mark.parametrize(
    ("surprise", "names"),
    [((2.0, 0.0), ["content"]), ((0.0, 2.0), ["content in later turns"])],
)
def test_other_content_than_the_teachers_is_refused(
    surprise: tuple[float, float], names: list[str]
) -> None:
    assert failed(replies=replace(REPLIES, surprise=surprise)) == names


def test_a_refusal_names_only_what_failed() -> None:
    verdict = judge(teacher_measures(replace(EVALUATION, teacher_kl=0.9), REPLIES))
    assert verdict.outcome is Outcome.REFUSED
    [reason] = verdict.reasons
    assert "10% of the way" in reason


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_candidate_closer_to_its_teacher_is_never_refused_for_it(one: float, two: float) -> None:
    near, far = sorted((one, two))
    if not failed(replace(EVALUATION, teacher_kl=far)):
        assert not failed(replace(EVALUATION, teacher_kl=near))
