"""One adapter for all against one per persona, from known replies."""

from pathlib import Path

import pytest

from tests.benchmarks.learning.personas import BY_NAME
from tests.benchmarks.learning.plan import base_key
from tests.benchmarks.learning.results import Key, Measurement, Reply, Results, Run
from tests.benchmarks.pooled.options import planned, read_options
from tests.benchmarks.pooled.plan import EVERYBODY, PooledPlan
from tests.benchmarks.pooled.table import report

PLAN = PooledPlan((BY_NAME["lower"], BY_NAME["upper"]), corrections=2)
PROMOTED = Run("promoted", "", 60.0, 2)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """The pooled adapter writes in lower case, which suits one of two personas."""
    results = Results(tmp_path / f"{PLAN.name}.jsonl")
    add(results, base_key(0), "Good morning.", "Good night.")
    add(results, PLAN.key(EVERYBODY, 0), "good morning.", "Good night.", run=PROMOTED)
    add(results, PLAN.key("lower", 0), "good morning.", "good night.", run=PROMOTED)
    return results


def add(results: Results, key: Key, *texts: str, run: Run | None = None) -> None:
    replies = tuple(Reply(f"task-{number}", text, "stop") for number, text in enumerate(texts))
    results.append([Measurement(key, replies, run, "2026-01-31T12:00:00")])


def test_every_prompt_goes_to_one_persona() -> None:
    prompts = list(range(7))
    shares = [PLAN.share(persona, prompts) for persona in PLAN.personas]
    assert shares == [[0, 2, 4, 6], [1, 3, 5]]


def test_the_pooled_account_comes_first_and_has_every_persona() -> None:
    assert list(PLAN.learners) == [EVERYBODY, "lower", "upper"]
    assert PLAN.learners[EVERYBODY] == PLAN.personas


def test_each_choice_of_personas_has_results_of_its_own() -> None:
    others = planned(read_options(["--personas", "lower,brief"]))
    assert others.name != PLAN.name and others.corrections == PooledPlan().corrections


def test_a_persona_is_compared_once_its_own_adapter_was_asked(results: Results) -> None:
    text = report(PLAN, results)
    assert "| lower: Everything in lower case. | 0.00 | 0.50 | 1.00 |" in text
    assert "| upper" not in text
    assert "| the second − the first, over prompts | +50.0 ± 50.0 points (n = 2) |" in text
    assert "| personas that their own adapter serves better | 1 of 1 | all |" in text


def test_refused_and_short_trainings_are_named(results: Results) -> None:
    refused = Run("refused", "It loops.", 60.0, 1)
    add(results, PLAN.key("upper", 0), "GOOD MORNING.", "GOOD NIGHT.", run=refused)
    text = report(PLAN, results)
    assert "- upper, seed 0: refused. It loops." in text
    assert "- upper, seed 0: only 1 could be given." in text
    assert f"- {EVERYBODY}, seed 0: only 2 could be given." in text


def test_a_figure_without_replies_is_a_dash(tmp_path: Path) -> None:
    results = Results(tmp_path / "pooled.jsonl")
    add(results, base_key(0), "Good morning.")
    assert "| compliance, one adapter for all | – |" in report(PLAN, results)
