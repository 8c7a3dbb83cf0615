import random

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.filters.by_loss import MIN_EXAMPLES, reject_by_loss, to_score
from feedback.filters.ifd import Losses
from feedback.filters.records import DatedExample, RejectionReason
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


USUAL = [prose(seed) for seed in range(MIN_EXAMPLES)]


def results(items: list[DatedExample], losses: dict[str, Losses]) -> dict[str, RejectionReason]:
    """The rejections if every other prompt helps its reply."""
    all_losses = {item.id: HELPED for item in items} | losses
    found = reject_by_loss([item.example for item in items], all_losses)
    return {name: rejection.reason for name, rejection in found.items()}


def test_usual_examples_are_accepted() -> None:
    assert results(USUAL, {}) == {}


def test_an_example_whose_prompt_misleads_is_rejected_with_its_ratio() -> None:
    item = prose(1000)
    found = reject_by_loss([each.example for each in (*USUAL, item)], {item.id: MISLED})
    assert [(each.reason, "1.20 times" in each.why) for each in found.values()] == [
        ("mismatch", True)
    ]


def test_hand_written_replies_are_accepted_whatever_the_losses() -> None:
    misled = prose(1000, "correction")
    assert results([*USUAL, misled], {misled.id: MISLED}) == {}


def test_few_examples_are_all_accepted() -> None:
    items = [*USUAL[: MIN_EXAMPLES - 2], make_row("And?", ODD)]
    assert to_score(item.example for item in items) == []
    assert results(items, {items[-1].id: MISLED}) == {}


def test_a_measure_that_would_reject_many_examples_rejects_none() -> None:
    misled = {item.id: MISLED for item in USUAL[::3]}
    assert results(USUAL, misled) == {}


def test_a_pair_is_rejected_with_its_chosen_reply() -> None:
    item = prose(1000)
    pair = make_row("Question 1000?", item.example.chosen, "Another.", source="regenerated")
    assert set(results([*USUAL, item, pair], {item.id: MISLED})) == {item.id, pair.id}


def test_examples_without_a_loss_are_accepted() -> None:
    item = prose(1000)
    assert results([*USUAL, item], {item.id: Losses(None, None)}) == {}
    assert reject_by_loss([each.example for each in USUAL], {}) == {}


@st.composite
def measured_rows(draw: st.DrawFn) -> tuple[list[DatedExample], dict[str, Losses]]:
    """Many examples, some odd, with random losses."""
    items = [*USUAL, *(prose(seed) for seed in range(100, 110))]
    items += [make_row(f"And {n}?", ODD[n:]) for n in range(draw(st.integers(0, 8)))]
    loss = st.none() | st.floats(0, 8)
    return items, {item.id: Losses(draw(loss), draw(loss)) for item in items}


@settings(max_examples=20)
@given(measured_rows(), st.integers())
def test_filtering_by_loss_ignores_order_and_is_idempotent(
    made: tuple[list[DatedExample], dict[str, Losses]], seed: int
) -> None:
    items, losses = made
    examples = [item.example for item in items]
    found = reject_by_loss(examples, losses)
    assert reject_by_loss(random.Random(seed).sample(examples, len(examples)), losses) == found
    assert reject_by_loss([each for each in examples if each.id not in found], losses) == {}
