"""Finished measurements survive, even if the last run was killed."""

from pathlib import Path

import pytest

from tests.benchmarks.learning.personas import BY_NAME
from tests.benchmarks.learning.plan import NOTHING, keys, missing
from tests.benchmarks.learning.results import Arm, Key, Measurement, Point, Reply, Results, Run

LOWER = BY_NAME["lower"]
FIVE = Point(corrections=5)
REPLIES = (Reply("task-1", "it’s\nhere", "stop"), Reply("task-2", "", "length"))


def measured(key: Key) -> Measurement:
    return Measurement(key, REPLIES, Run("refused", "it loops", 12.5, 5), "2026-01-31T12:00:00")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "quick.jsonl"


def test_a_second_run_reads_what_the_first_one_wrote(path: Path) -> None:
    key = Key("lower", 0, FIVE, Arm.BOTH)
    Results(path).append([measured(key)])
    assert list(Results(path)) == [measured(key)]


def test_a_finished_point_is_not_missing_any_more(path: Path) -> None:
    done = Results(path)
    done.append([measured(key) for key in missing(LOWER, 0, FIVE, done)])
    again = Results(path)
    assert missing(LOWER, 0, FIVE, again) == []
    assert missing(LOWER, 1, FIVE, again) == keys(LOWER, 1, FIVE)
    assert missing(LOWER, 0, Point(corrections=1), again) == keys(LOWER, 0, Point(corrections=1))


def test_the_rest_of_a_half_finished_point_is_missing(path: Path) -> None:
    done = Results(path)
    first, *rest = keys(LOWER, 0, FIVE)
    done.append([measured(first)])
    assert missing(LOWER, 0, FIVE, done) == rest


def test_the_base_is_asked_once_for_all_personas(path: Path) -> None:
    done = Results(path)
    done.append([measured(key) for key in keys(LOWER, 0, NOTHING)])
    assert missing(BY_NAME["formal"], 0, NOTHING, done) == []


def test_an_incomplete_line_is_dropped(path: Path) -> None:
    one, other = (Key("lower", 0, FIVE, arm) for arm in (Arm.MEMORY, Arm.BOTH))
    Results(path).append([measured(one)])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    results = Results(path)
    results.append([measured(other)])
    assert [each.key for each in Results(path)] == [one, other]
