"""The measures of a candidate's replies: faults and plain questions."""

import pytest

from scheduler.evaluation.reply_measures import Counts, degeneration, plain_questions
from scheduler.records import GateConfig

CONFIG = GateConfig()


@pytest.mark.parametrize(
    ("answered", "names"),
    [
        (Counts(16, 14, 15, 15), ["plain questions"]),
        (Counts(16, 15, 15, 13), ["plain questions with memory"]),
        (Counts(16, 18, 15, 18), []),
        (Counts(16, 15), []),
        (Counts(16, 14), ["plain questions"]),
    ],
)
def test_plain_questions_must_stay_answered(answered: Counts, names: list[str]) -> None:
    found = plain_questions(answered, 20, CONFIG)
    assert [each.name for each in found if not each.is_met] == names


def test_a_plain_answer_lost_is_said_with_both_numbers() -> None:
    [measure] = plain_questions(Counts(16, 14), 20, CONFIG)
    assert measure.sentence == (
        "It answers 14 of 20 plain questions right, the base 16; at least 15 needed."
    )


@pytest.mark.parametrize(
    ("faulty", "is_met"),
    [
        (Counts(0.0, 0.1), True),
        (Counts(0.0, 2 / 12), False),
        (Counts(0.5, 0.6), True),
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
