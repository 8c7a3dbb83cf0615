"""What a fit is shown of what cannot be known."""

import pytest

from feedback.rules.rule import Rule
from scheduler.augmentation.abstention import ABSTENTIONS, abstention_examples
from scheduler.augmentation.prompts import SYNTHETIC_PROMPTS
from scheduler.evaluation.suite.abstention import PROMPTS as UNANSWERABLE
from scheduler.evaluation.suite.abstention import abstains


@pytest.mark.parametrize("reply", [reply for _, reply in ABSTENTIONS])
def test_admissions_admit(reply: str) -> None:
    assert abstains(reply)


def test_nothing_that_is_measured_is_taught() -> None:
    measured = {each.text for each in UNANSWERABLE}
    assert measured.isdisjoint({prompt for prompt, _ in ABSTENTIONS} | set(SYNTHETIC_PROMPTS))


@pytest.mark.parametrize(("rows", "admissions"), [(1, 1), (6, 1), (7, 2), (1000, len(ABSTENTIONS))])
def test_there_is_an_admission_for_every_sixth_row(rows: int, admissions: int) -> None:
    made = abstention_examples("ann", [Rule("case", "lower")], rows)
    assert len(made) == admissions
    assert all(each.chosen.islower() for each in made)


def test_an_admission_that_keeps_the_rules_already_stands_as_it_is() -> None:
    [made] = abstention_examples("ann", [Rule("most sentences", "3")], 1)
    assert made.chosen == made.revised_from == ABSTENTIONS[0][1]
