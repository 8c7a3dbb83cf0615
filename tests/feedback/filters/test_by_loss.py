import random

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.filters.by_loss import MIN_ROWS, reject_by_loss, to_score
from feedback.filters.ifd import Losses
from feedback.filters.records import DatedExample, RejectionReason
from feedback.filters.style_outliers import distances, features, ranked
from feedback.text.tokens import words
from tests.feedback.filters.make import make_row

HELPED = Losses(1.5, 3.0)
MISLED = Losses(3.6, 3.0)
WORDS = words("the river runs past old houses and we walk along it when rain has gone away")
ODD = "ЙЦУКЕН!!! 77:88:99 §§ $$$ ###\n\n\n1) %%%\n2) @@@\n3) &&&\n\n\n!!! ??? ЩЩЩЩЩЩ ЪЪЪЪЪЪ"


def prose(seed: int, source: str = "liked") -> DatedExample:
    """A reply of two plain sentences."""
    choose = random.Random(seed)
    first, second = (" ".join(choose.choices(WORDS, k=9)).capitalize() for _ in range(2))
    return make_row(f"Question {seed}?", f"{first}. {second}.", source=source)


USUAL = [prose(seed) for seed in range(MIN_ROWS)]


def results(rows: list[DatedExample], losses: dict[str, Losses]) -> dict[str, RejectionReason]:
    """What is left out, where every other row is one that the prompt helps."""
    all_losses = {row.id: HELPED for row in rows} | losses
    return {
        name: c.reason for name, c in reject_by_loss([r.example for r in rows], all_losses).items()
    }


def test_usual_rows_stay() -> None:
    assert results(USUAL, {}) == {}


def test_a_row_whose_prompt_misleads_is_left_out_with_its_ratio() -> None:
    row = prose(1000)
    causes = reject_by_loss([r.example for r in (*USUAL, row)], {row.id: MISLED})
    assert [(c.reason, "1.20 times" in c.why) for c in causes.values()] == [("mismatch", True)]


def test_a_row_in_another_style_is_left_out() -> None:
    row = make_row("And?", ODD)
    assert results([*USUAL, row], {row.id: Losses(7.0, 9.0)}) == {row.id: "style"}


def test_what_a_person_wrote_stays_whatever_was_measured() -> None:
    odd, misled = make_row("And?", ODD, source="correction"), prose(1000, "correction")
    assert results([*USUAL, odd, misled], {odd.id: Losses(7.0, 9.0), misled.id: MISLED}) == {}


def test_of_few_rows_none_is_left_out() -> None:
    rows = [*USUAL[: MIN_ROWS - 2], make_row("And?", ODD)]
    assert to_score(row.example for row in rows) == []
    assert results(rows, {rows[-1].id: MISLED}) == {}


def test_a_measure_that_speaks_against_many_rows_is_not_heeded() -> None:
    misled = {row.id: MISLED for row in USUAL[::3]}
    assert results(USUAL, misled) == {}
    odd = [make_row(f"And {n}?", f"{ODD} {n}") for n in range(12)]
    assert results([*USUAL, *odd], {row.id: Losses(7.0, 9.0) for row in odd}) == {}


def test_a_pair_goes_with_the_reply_that_it_wants() -> None:
    row = prose(1000)
    pair = make_row("Question 1000?", row.example.chosen, "Another.", source="regenerated")
    assert set(results([*USUAL, row, pair], {row.id: MISLED})) == {row.id, pair.id}


def test_rows_without_a_measure_stay() -> None:
    row = prose(1000)
    assert results([*USUAL, row], {row.id: Losses(None, None)}) == {}
    assert reject_by_loss([each.example for each in USUAL], {}) == {}


def test_the_most_typical_row_ranks_first_and_an_outlier_last() -> None:
    row = make_row("And?", ODD)
    losses = {each.id: HELPED for each in USUAL} | {row.id: Losses(7.0, 9.0)}
    order = ranked([row, *USUAL], losses)
    assert order[-1][1] == row
    assert [distance for distance, _ in order] == sorted(distance for distance, _ in order)


def test_equal_replies_have_no_distance() -> None:
    assert distances([features("The same.", 2.0)] * 3) == [0.0] * 3
    assert distances([]) == []


@given(st.text(max_size=80), st.floats(0, 20))
def test_every_text_has_twelve_finite_measures(text: str, surprisal: float) -> None:
    measured = features(text, surprisal)
    assert measured.shape == (12,)
    assert all(abs(each) < 1000 for each in measured)


@st.composite
def measured_rows(draw: st.DrawFn) -> tuple[list[DatedExample], dict[str, Losses]]:
    """Many rows, some odd, with losses of every kind."""
    rows = [*USUAL, *(prose(seed) for seed in range(100, 110))]
    rows += [make_row(f"And {n}?", ODD[n:]) for n in range(draw(st.integers(0, 8)))]
    loss = st.none() | st.floats(0, 8)
    return rows, {row.id: Losses(draw(loss), draw(loss)) for row in rows}


@settings(max_examples=20)
@given(measured_rows(), st.integers())
def test_ranking_ignores_order_and_keeps_what_it_kept(
    made: tuple[list[DatedExample], dict[str, Losses]], seed: int
) -> None:
    rows, losses = made
    examples = [row.example for row in rows]
    causes = reject_by_loss(examples, losses)
    assert reject_by_loss(random.Random(seed).sample(examples, len(examples)), losses) == causes
    assert reject_by_loss([each for each in examples if each.id not in causes], losses) == {}
