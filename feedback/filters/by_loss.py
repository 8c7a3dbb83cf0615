"""Decides which rows are learned from, by what the base model makes of them.

Only of many rows: of a handful each one counts, and a centre of few replies is chance.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from feedback.filters import ifd, style_outliers
from feedback.filters.ifd import Losses
from feedback.filters.records import DatedExample, Rejection
from feedback.filters.run import Filter, apply_filters
from feedback.records import TrainingExample

MIN_ROWS = 50


def to_score(examples: Iterable[TrainingExample]) -> list[TrainingExample]:
    """The examples whose losses `reject_by_loss` wants to know: single replies, if there are enough."""
    single = [each for each in examples if each.rejected is None]
    return single if len(single) >= MIN_ROWS else []


def reject_by_loss(
    examples: Sequence[TrainingExample], losses: Mapping[str, Losses]
) -> dict[str, Rejection]:
    """The examples that the losses speak against, by id; of those that stay all would stay.

    `losses` is by example id. A pair goes with the single reply that it wants.
    """
    rows = sorted(
        (DatedExample(each, each.created_at) for each in to_score(examples)), key=lambda r: r.age
    )
    checks = [_of_many(check, losses) for check in (ifd.rejections, style_outliers.rejections)]
    causes = apply_filters(rows, checks)
    unwanted = {
        (row.example.prompt, row.example.chosen): causes[row.id] for row in rows if row.id in causes
    }
    pairs = [each for each in examples if each.rejected is not None]
    return causes | {
        pair.id: unwanted[pair.prompt, pair.chosen]
        for pair in pairs
        if (pair.prompt, pair.chosen) in unwanted
    }


def _of_many(
    check: Callable[[Sequence[DatedExample], Mapping[str, Losses]], dict[str, Rejection]],
    losses: Mapping[str, Losses],
) -> Filter:
    return lambda rows: check(rows, losses) if len(rows) >= MIN_ROWS else {}
