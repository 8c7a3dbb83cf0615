"""The first adapters hold some of every group, and the report counts them."""

from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.records import GateConfig
from tests.benchmarks.gate.kinds import Group
from tests.benchmarks.gate.options import read_options
from tests.benchmarks.gate.plan import SEEDS, GateResult, GateResults, Piece, pieces
from tests.benchmarks.gate.plot import draw
from tests.benchmarks.gate.table import report
from tests.benchmarks.learning.results import Run


def result_of(
    kind: str,
    status: str,
    outcome: str = "provisional",
    num_feedback: int = 20,
    drift: float = 0.25,
) -> GateResult:
    measures = [
        {"name": "drift", "candidate": drift, "base": 0.0, "n": 12},
        {"name": "degeneration", "candidate": 0.3, "base": 0.1, "n": 12},
        {"name": "held-out wins", "candidate": 3, "base": None, "n": 4},
    ]
    report = {"verdict": {"outcome": outcome, "measures": measures}}
    run = Run(status, "It is so.", 60.0, num_feedback, report)
    return GateResult(Piece(kind, 0, 20), run, "2026-01-31T12:00:00")


def test_the_first_adapters_hold_each_group_in_proportion() -> None:
    order = pieces(tuple(Group), 20)
    assert len(set(order)) == len(order)
    for end in range(1, len(order) + 1):
        for group in Group:
            whole = sum(piece.group is group for piece in order)
            so_far = sum(piece.group is group for piece in order[:end])
            assert abs(so_far - whole * end / len(order)) <= 1


def test_forty_adapters_are_meaningless_and_ten_harmful() -> None:
    assert len(pieces([Group.NULL], 20)) == 40
    assert len(pieces([Group.HARMFUL], 20)) == 10
    assert {piece.seed for piece in pieces([Group.NULL], 20)} == set(range(SEEDS[Group.NULL]))


def test_finished_results_are_read_again(tmp_path: Path) -> None:
    one = result_of("refusal", "refused")
    GateResults(tmp_path / "gate.jsonl").append([one])
    again = GateResults(tmp_path / "gate.jsonl")
    assert list(again) == [one] and one.piece in again


def test_the_report_counts_promotions_and_names_wrong_decisions() -> None:
    text = report(
        [
            result_of("random thumbs", "promoted"),
            result_of("random choices", "promoted", "significant", drift=0.5),
            result_of("refusal", "promoted"),
            result_of("echo", "refused"),
            result_of("lower", "refused"),
            result_of("brief", "promoted", "significant", num_feedback=12),
            replace(result_of("closing", "failed"), run=Run("failed", "No memory.", 60.0, 20)),
        ],
        GateConfig(),
    )
    assert "| null adapters promoted, of the 2 of 40 that the gate decided on | 1.00 (" in text
    assert "| null adapters that were called significant | 0.50 (" in text
    assert "| harmful adapters promoted, of the 2 of 10 that the gate decided on | 0.50 (" in text
    assert "| good adapters promoted, of the 2 of 14 that the gate decided on | 0.50 (" in text
    assert "| **null** | 2 of 2 | 1 of 2 | 0.38 (0.25 to 0.50) | 0.20 (0.20 to 0.20) | – |" in text
    assert "- refusal, 0: promoted. It is so." in text
    assert "- lower, 0: refused. It is so." in text
    assert "- closing, 0: failed. No memory." in text
    assert "- brief, 0: only 12 could be given." in text
    assert "- echo" not in text and "- random" not in text


def test_the_same_adapters_give_the_same_picture(tmp_path: Path) -> None:
    found = [result_of("random thumbs", "refused"), result_of("brief", "promoted")]
    for name in ("one.svg", "other.svg"):
        draw(found, GateConfig(), tmp_path / name)
    one, other = ((tmp_path / name).read_text() for name in ("one.svg", "other.svg"))
    assert one == other and "held-out wins" in one


def test_a_group_that_does_not_exist_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--groups", "evil"])
    assert "--groups" in capsys.readouterr().err


def test_the_parts_of_the_work_share_it(capsys: pytest.CaptureFixture[str]) -> None:
    order = pieces(tuple(Group), 20)
    shares = []
    for part in ("1/3", "2/3", "3/3"):
        number, parts = read_options(["--part", part]).part
        shares += order[number - 1 :: parts]
    assert sorted(shares, key=str) == sorted(order, key=str)
    with pytest.raises(SystemExit):
        read_options(["--part", "4/3"])
    assert "--part" in capsys.readouterr().err
