"""Examples of questions that nobody can answer."""

import pytest

from feedback.rules.rule import Rule
from scheduler.augmentation.abstention import ABSTENTIONS, abstention_examples
from scheduler.augmentation.prompts import SYNTHETIC_PROMPTS
from scheduler.evaluation.suite.abstention import PROMPTS as UNANSWERABLE
from scheduler.evaluation.suite.abstention import abstains


@pytest.mark.parametrize("reply", [reply for _, reply in ABSTENTIONS])
def test_every_abstention_abstains(reply: str) -> None:
    assert abstains(reply)


def test_no_prompt_of_the_suite_is_taught() -> None:
    measured = {each.text for each in UNANSWERABLE}
    assert measured.isdisjoint({prompt for prompt, _ in ABSTENTIONS} | set(SYNTHETIC_PROMPTS))


@pytest.mark.parametrize(
    ("num_examples", "num_abstentions"), [(1, 1), (6, 1), (7, 2), (1000, len(ABSTENTIONS))]
)
def test_there_is_an_abstention_for_every_sixth_example(
    num_examples: int, num_abstentions: int
) -> None:
    made = abstention_examples("ann", [Rule("case", "lower")], num_examples)
    assert len(made) == num_abstentions
    assert all(each.chosen.islower() for each in made)


def test_an_abstention_that_follows_the_rules_is_unchanged() -> None:
    [made] = abstention_examples("ann", [Rule("most sentences", "3")], 1)
    assert made.chosen == made.revised_from == ABSTENTIONS[0][1]
