"""Rejects examples whose prompt does not help to predict the reply: the two do not fit.

Instruction-following difficulty (Li et al. 2023, arXiv 2308.12032): the loss of a reply with its
prompt divided by the loss without. Above 1 the prompt misleads. A small model ranks examples like
a large one (Li et al. 2024, "Superfiltering", arXiv 2402.00530), so the base itself measures.
Both papers drop the examples above 1. Unlike the papers, this keeps the easy ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feedback.filters.records import DatedExample, Rejection, RejectionReason

MAX_IFD = 1.0
MAX_SHARE = 0.25
"""If a larger share is above `MAX_IFD`, the measure does not suit the user: none is rejected."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The base's loss of a reply, in mean nats per token; None if it was not measured."""

    with_prompt: float | None
    without_prompt: float | None

    @property
    def ifd(self) -> float | None:
        """Instruction-following difficulty; None if a loss is missing or zero."""
        if self.with_prompt is None or not self.without_prompt:
            return None
        return self.with_prompt / self.without_prompt


def rejections(
    examples: Sequence[DatedExample], losses: Mapping[str, Losses]
) -> dict[str, Rejection]:
    """The examples with an IFD above 1, by id, except hand-written replies."""
    ifd = {each.id: losses[each.id].ifd for each in examples if each.id in losses}
    misled = {name: value for name, value in ifd.items() if value is not None and value > MAX_IFD}
    if len(misled) > MAX_SHARE * len(examples):
        return {}
    return {
        each.id: Rejection(RejectionReason.MISMATCH, _why(misled[each.id]))
        for each in examples
        if each.id in misled and not each.is_hand_written
    }


def _why(ifd: float) -> str:
    return f"The prompt does not fit the reply: its loss is {ifd:.2f} times that without a prompt."
