"""Which edit an adapter prefers, and the table, from known scores."""

from pathlib import Path

import pytest

from tests.benchmarks.learning.results import Run
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.writers.results import BASE, Scored, Trained, WritersResults
from tests.benchmarks.writers.rows import Row
from tests.benchmarks.writers.table import is_own_preferred, own_preferred, report
from tests.benchmarks.writers.users import shuffled_writers, writers

ROWS = [Row(f"lamp-{n}", "Tell.", "Once.", ("A.", "B.", "C.")) for n in range(2)]
W3, W12, W16 = writers(ROWS)
SHUFFLED = shuffled_writers(ROWS)


@pytest.fixture
def results(tmp_path: Path) -> WritersResults:
    """W3's adapter prefers A, which is W3's own, then B. W12's training was refused."""
    results = WritersResults(tmp_path, "tiny")
    results.trained.append([Trained("W3", Run("promoted", "", 60.0, 20))])
    results.trained.append([Trained("W12", Run("refused", "It loops.", 50.0, 20))])
    results.scored.append([Scored(BASE, row.id, (-3.0, -2.0, -1.0)) for row in ROWS])
    results.scored.append([Scored("W3", "lamp-0", (-2.0, -1.9, -1.0))])
    results.scored.append([Scored("W3", "lamp-1", (-2.9, -1.0, -1.0))])
    return results


def test_the_edit_that_gains_most_is_preferred_even_if_another_is_likelier() -> None:
    assert is_own_preferred(0, base=(-3.0, -2.0, -1.0), adapter=(-2.0, -1.9, -1.0))
    assert not is_own_preferred(2, base=(-3.0, -2.0, -1.0), adapter=(-2.0, -1.9, -1.0))


def test_a_tie_is_no_preference() -> None:
    scores = (-3.0, -2.0, -1.0)
    assert not any(is_own_preferred(own, scores, scores) for own in range(3))


def test_the_rows_in_which_the_own_edit_is_preferred_are_counted(results: WritersResults) -> None:
    assert own_preferred(results, W3, ROWS) == Tally(1, 2)


def test_a_row_without_both_scores_is_not_counted(results: WritersResults) -> None:
    other = Row("lamp-2", "Tell.", "Once.", ("A.", "B.", "C."))
    results.scored.append([Scored(BASE, other.id, (-3.0, -2.0, -1.0))])
    [user, *_] = writers([*ROWS, other])
    assert own_preferred(results, user, [*ROWS, other]) == Tally(1, 2)


def test_the_table_has_a_users_share_with_its_interval_and_training(
    results: WritersResults,
) -> None:
    text = report(results, [W3, W12, W16], SHUFFLED, ROWS)
    assert "| W3 | 0.50 (0.09–0.91, n = 2) | promoted, 60 s |" in text
    assert "| W16 | – | – |" in text


def test_shares_are_pooled_over_writers_and_over_shuffled_writers(results: WritersResults) -> None:
    first = SHUFFLED[0]
    results.trained.append([Trained(first.name, Run("promoted", "", 60.0, 20))])
    for row in ROWS:
        gained = [-3.0, -2.0, -1.0]
        gained[first.own[row.id]] += 0.5
        results.scored.append([Scored(first.name, row.id, tuple(gained))])
    text = report(results, [W3, W12, W16], SHUFFLED, ROWS)
    assert "| **all writers** | 0.50 (0.09–0.91, n = 2) |  |" in text
    assert "| **all shuffled writers** | 1.00 (0.34–1.00, n = 2) |  |" in text


def test_a_refused_training_is_named_with_its_reason_and_not_counted(
    results: WritersResults,
) -> None:
    text = report(results, [W3, W12, W16], SHUFFLED, ROWS)
    assert "| W12 | – | refused, 50 s |" in text
    assert "- W12: refused. It loops." in text


def test_adapters_and_the_base_are_unscored_until_all_rows_are_scored(
    results: WritersResults,
) -> None:
    other = Row("lamp-2", "Tell.", "Once.", ("A.", "B.", "C."))
    assert results.unscored([W3, W12, W16], ROWS) == []
    assert results.unscored([W3, W12, W16], [*ROWS, other]) == [BASE, "W3"]


def test_the_base_is_not_scored_for_users_without_an_adapter(tmp_path: Path) -> None:
    assert WritersResults(tmp_path, "tiny").unscored([W3, W12], ROWS) == []


def test_finished_results_are_read_again(results: WritersResults, tmp_path: Path) -> None:
    again = WritersResults(tmp_path, "tiny")
    assert again.is_promoted("W3") and not again.is_promoted("W12")
    assert list(again.scored) == list(results.scored)


def test_each_base_model_has_results_of_its_own(results: WritersResults, tmp_path: Path) -> None:
    assert "W3" not in WritersResults(tmp_path, "other").trained
