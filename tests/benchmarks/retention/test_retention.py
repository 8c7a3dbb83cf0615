"""First wishes after two more, from known replies."""

from pathlib import Path

import pytest

from tests.benchmarks.learning.plan import base_key
from tests.benchmarks.learning.results import Key, Measurement, Reply, Results, Run
from tests.benchmarks.retention.options import planned, read_options
from tests.benchmarks.retention.plan import CHAINS, Chain, RetentionPlan, chain
from tests.benchmarks.retention.table import LAST, report

CHAIN = chain("lower", "no-commas", "ampersands")
PLAN = RetentionPlan((CHAIN,), corrections=2)
PROMOTED = Run("promoted", "", 60.0, 2)
TEXT = "Well, it's red and green. Well, it's blue and white! Well, it isn't; wait."


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Lower case is learned, and half of it is lost to what comes later."""
    results = Results(tmp_path / "retention.jsonl")
    add(results, base_key(0), "Good, and morning.", "Good, and night.")
    add(results, PLAN.key(CHAIN, 0, 1), "good, and morning.", "good, and night.", run=PROMOTED)
    add(results, PLAN.key(CHAIN, 0, 2), "good and morning.", "good and night.", run=PROMOTED)
    add(results, PLAN.key(CHAIN, 0, 3), "good & morning.", "Good & night.", run=PROMOTED)
    return results


def add(results: Results, key: Key, *texts: str, run: Run | None = None) -> None:
    replies = tuple(Reply(f"task-{number}", text, "stop") for number, text in enumerate(texts))
    results.append([Measurement(key, replies, run, "2026-01-31T12:00:00")])


@pytest.mark.parametrize("each", CHAINS, ids=lambda each: each.name)
def test_the_wishes_of_a_chain_can_all_be_met_at_once(each: Chain) -> None:
    assert len(each.wishes) == LAST
    for wishes in range(1, LAST + 1):
        person = each.stage(wishes)
        assert person.complies(person.edit(TEXT))


def test_no_wish_of_a_chain_is_held_out() -> None:
    assert not any(wish.held_out for each in CHAINS for wish in each.wishes)


def test_each_stage_is_a_measurement_of_its_own() -> None:
    keys = {PLAN.key(CHAIN, 0, wishes) for wishes in range(1, LAST + 1)}
    assert len(keys) == LAST


def test_the_table_shows_the_first_wish_at_every_stage(results: Results) -> None:
    text = report(PLAN, results)
    assert "| lower, then no-commas, then ampersands | 0.00 | 1.00 | 1.00 | 0.50 | 1.00 |" in text
    assert "| the second ÷ the first | 0.50 | ≥ 0.90 |" in text


def test_an_unfinished_chain_is_not_in_the_figures(tmp_path: Path) -> None:
    results = Results(tmp_path / "retention.jsonl")
    add(results, base_key(0), "Good morning.")
    add(results, PLAN.key(CHAIN, 0, 1), "good morning.", run=PROMOTED)
    text = report(PLAN, results)
    assert "| the second ÷ the first | – | ≥ 0.90 |" in text
    assert "| 0.00 | 1.00 | – | – | – | – |" in text


def test_a_refused_training_is_named(results: Results) -> None:
    add(results, PLAN.key(CHAIN, 1, 3), "Good.", run=Run("refused", "It loops.", 60.0, 2))
    text = report(RetentionPlan((CHAIN,), corrections=2, seeds=2), results)
    assert f"- {CHAIN.name}, seed 1, 3 of its wishes: refused. It loops." in text


def test_fewer_chains_can_be_asked_for() -> None:
    assert planned(read_options(["--chains", "1"])).chains == CHAINS[:1]
