"""Figures from known replies."""

from pathlib import Path

import pytest

from tests.benchmarks.learning.figures import broken, compliance, leaks
from tests.benchmarks.learning.options import planned, read_options
from tests.benchmarks.learning.personas import BY_NAME
from tests.benchmarks.learning.plan import NOTHING, base_key
from tests.benchmarks.learning.results import Arm, Key, Measurement, Point, Reply, Results, Run
from tests.benchmarks.learning.table import report
from tests.benchmarks.learning.tally import Tally

LOWER = BY_NAME["lower"]
ONE = Point(corrections=1)
LOOP = "on and " * 20


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "quick.jsonl")


def add(
    results: Results, key: Key, *texts: str, ends: str = "stop", run: Run | None = None
) -> None:
    replies = tuple(Reply(f"task-{number}", text, ends) for number, text in enumerate(texts))
    results.append([Measurement(key, replies, run, "2026-01-31T12:00:00")])


def test_compliance_counts_each_arms_own_replies(results: Results) -> None:
    add(results, base_key(0), "Hello.", "yes, hello.")
    add(results, Key("lower", 0, ONE, Arm.BOTH), "hello.", LOOP)
    assert compliance(results, LOWER, [0], NOTHING, Arm.BASE) == Tally(1, 2)
    assert compliance(results, LOWER, [0, 1], ONE, Arm.BOTH) == Tally(1, 2)
    assert compliance(results, LOWER, [0], ONE, Arm.MEMORY) == Tally(0, 0)


def test_a_leak_counts_only_if_the_base_obeys_the_prompt(results: Results) -> None:
    add(results, Key("lower", 0, NOTHING, Arm.BASE, is_exempt=True), "STOP", "nasa", "WELCOME")
    add(results, Key("lower", 0, ONE, Arm.BOTH, is_exempt=True), "stop", "nasa", "WELCOME")
    assert leaks(results, LOWER, [0], ONE) == Tally(1, 2)


def test_a_reply_is_unfinished_only_if_the_bases_was_finished(results: Results) -> None:
    add(results, base_key(0), "Hello.", "There is", "Good.")
    add(results, base_key(1), "Hello.", "There is", "Good.", ends="length")
    for seed in (0, 1):
        add(results, Key("lower", seed, ONE, Arm.BOTH), "hello", "", LOOP, ends="length")
    assert broken(results, LOWER, [0], ONE) == (Tally(0, 3), Tally(3, 3))
    assert broken(results, LOWER, [1], ONE) == (Tally(0, 3), Tally(2, 3))


@pytest.mark.parametrize(
    ("tally", "low", "high"),
    [(Tally(9, 10), 0.596, 0.982), (Tally(0, 10), 0.0, 0.278), (Tally(20, 20), 0.839, 1.0)],
)
def test_intervals_are_those_of_wilson(tally: Tally, low: float, high: float) -> None:
    assert tally.interval == pytest.approx((low, high), abs=0.001)


def test_the_report_names_refusals_and_marks_held_out_personas(results: Results) -> None:
    options = read_options(
        ["--personas", "lower,telegram", "--points", "1,ratings", "--seeds", "1"]
    )
    run = Run("refused", "It loops.", 20.0, 1)
    for arm in (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH):
        add(results, Key("lower", 0, ONE, arm), "hello.", run=run)
    text = report(planned(options), results)
    assert "- lower, seed 0, 1 correction: refused. It loops." in text
    assert "| lower: Everything in lower case. | 0.00 | 1.00, 1.00, 1.00 | – |" in text
    assert "| telegram (held out): " in text


def test_a_persona_that_does_not_exist_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--personas", "nobody"])
    assert "'nobody' is none of lower, " in capsys.readouterr().err
