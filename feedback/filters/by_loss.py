"""Filters examples by the base's losses, if there are many: of a few, each one counts."""

from collections.abc import Iterable, Mapping, Sequence

from feedback.filters import ifd
from feedback.filters.ifd import Losses
from feedback.filters.records import DatedExample, Rejection
from feedback.filters.run import apply_filters
from feedback.records import TrainingExample

MIN_EXAMPLES = 50


def to_score(examples: Iterable[TrainingExample]) -> list[TrainingExample]:
    """The examples whose losses `reject_by_loss` needs: the single replies, if there are enough."""
    single = [each for each in examples if each.rejected is None]
    return single if len(single) >= MIN_EXAMPLES else []


def reject_by_loss(
    examples: Sequence[TrainingExample], losses: Mapping[str, Losses]
) -> dict[str, Rejection]:
    """The rejections by example id; filtering the accepted examples again rejects none.

    `losses` is by example id. A pair is rejected with the single reply that is its chosen one.
    """
    dated = sorted(
        (DatedExample(each, each.created_at) for each in to_score(examples)),
        key=lambda each: each.age,
    )

    def misled(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
        return ifd.rejections(examples, losses) if len(examples) >= MIN_EXAMPLES else {}

    found = apply_filters(dated, [misled])
    by_reply = {
        (each.example.messages, each.example.chosen): found[each.id]
        for each in dated
        if each.id in found
    }
    pairs = [each for each in examples if each.rejected is not None]
    return found | {
        pair.id: by_reply[pair.messages, pair.chosen]
        for pair in pairs
        if (pair.messages, pair.chosen) in by_reply
    }
