"""Losses and gains, from known outcomes."""

from math import sqrt
from pathlib import Path

import pytest

from tests.benchmarks.difference import Difference
from tests.benchmarks.forgetting import outcomes
from tests.benchmarks.forgetting.ifeval import Task
from tests.benchmarks.forgetting.results import (
    BASE,
    ForgettingResults,
    Learned,
    Learner,
    ScoredAnswers,
    Written,
)
from tests.benchmarks.forgetting.table import Outcomes, report
from tests.benchmarks.forgetting.truthfulqa import Question
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.results import Reply, Run

LOWER, BRIEF = Learner("lower", 20), Learner("brief", 20)
TASKS = [Task(Prompt(f"ifeval-{n}", "Write."), (), ()) for n in range(2)]
QUESTION = Question("q1", "Who?", ("I", "You"), 1)


@pytest.fixture
def results(tmp_path: Path) -> ForgettingResults:
    """One learner was promoted, the other one was not."""
    results = ForgettingResults(tmp_path)
    results.learned.append([Learned(LOWER, Run("promoted", "", 60.0, 20))])
    results.learned.append([Learned(BRIEF, Run("refused", "It loops.", 60.0, 20))])
    for who, texts in ((BASE, ("good", "bad")), (LOWER.name, ("bad", "good"))):
        ends = ("stop", "length")
        results.written.append(
            [
                Written(who, 64, Reply(task.prompt.id, text, end))
                for task, text, end in zip(TASKS, texts, ends, strict=True)
            ]
        )
    results.scored.append(
        [ScoredAnswers(BASE, "q1", (-2.0, -1.0)), ScoredAnswers(LOWER.name, "q1", (-1.0, -2.0))]
    )
    return results


def test_a_difference_has_the_standard_error_of_its_pairs() -> None:
    found = Difference.of([1, 1, 0, 0], [0, 1, 0, 0])
    assert found is not None
    assert (found.mean, found.n) == (-0.25, 4)
    assert found.standard_error == pytest.approx(sqrt(0.25 / 4))
    assert str(found) == "-25.0 ± 25.0 points (n = 4)"


def test_no_pairs_have_no_difference_and_one_pair_has_no_error() -> None:
    assert Difference.of([], []) is None
    assert str(Difference.of([0], [1])) == "+100.0 points (n = 1)"


def test_promoted_adapters_are_compared_and_refused_ones_are_named(
    results: ForgettingResults,
) -> None:
    def check(task: Task, reply: str) -> bool:
        return reply == "good"

    learners = [LOWER, BRIEF]
    tests = [
        outcomes.of_tasks(TASKS, check, learners, results, 64),
        outcomes.of_questions([QUESTION], learners, results),
    ]
    text = report(tests, outcomes.remarks(TASKS, learners, results, 64))
    assert "| IFEval, adapter alone | lower-20 | 0.50 | 0.50 | +0.0 ±" in text
    assert "(n = 2) | 1 | 1 |" in text
    assert "| TruthfulQA, MC1 | lower-20 | 1.00 | 0.00 | -100.0 points (n = 1) | 1 | 0 |" in text
    assert "- brief-20: refused. It loops." in text
    assert "- Cut off at 64 tokens: lower-20 1 of 2 replies." in text


def test_the_base_answers_prompts_that_override_a_learned_rule(tmp_path: Path) -> None:
    results = ForgettingResults(tmp_path)
    report = {"rules": [{"attribute": "case", "value": "lower"}]}
    results.learned.append([Learned(LOWER, Run("promoted", "", 60.0, 20, report))])
    tasks = [
        Task(Prompt("capitals", "Write in capital letters."), (), ()),
        Task(Prompt("tea", "What is tea?"), (), ()),
    ]
    alone = Outcomes(
        "alone",
        {BASE: {"capitals": True, "tea": True}, LOWER.name: {"capitals": False, "tea": False}},
    )
    served = outcomes.as_served(tasks, alone, results)
    assert served.passed[LOWER.name] == {"capitals": True, "tea": False}
    assert served.passed[BASE] == alone.passed[BASE]


def test_the_mean_over_adapters_counts_an_item_that_all_have_done_as_one_pair() -> None:
    passed = {
        BASE: {"a": True, "b": True, "c": False},
        "one": {"a": True, "b": False, "c": False},
        "other": {"a": True, "b": False},
    }
    assert Outcomes("test", passed).overall() == Difference.of([1, 1], [1, 0])


def test_finished_results_are_read_again(results: ForgettingResults, tmp_path: Path) -> None:
    again = ForgettingResults(tmp_path)
    assert again.promoted(LOWER) and not again.promoted(BRIEF)
    assert (BASE, 64, "ifeval-0") in again.written and (BASE, 65, "ifeval-0") not in again.written
    assert (LOWER.name, "q1") in again.scored
