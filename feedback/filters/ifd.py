"""Rows whose prompt does not help to predict the reply: the two were not made for each other.

Instruction-following difficulty (Li et al. 2023, arXiv 2308.12032): the loss of a reply with its
prompt divided by the loss without. Above 1 the prompt misleads; both papers drop those rows. A
small model ranks rows like a large one (Li et al. 2024, "Superfiltering", arXiv 2402.00530), so
the base that is fitted may be asked. Unlike there the easy rows stay: here the aim is hygiene.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feedback.filters.records import DatedExample, Rejection, RejectionReason

MAX_IFD = 1.0
MAX_SHARE = 0.25
"""Where more of the rows are above `MAX_IFD`, the measure does not fit the user."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What the base makes of a reply, in mean nats per token; None where it was not measured."""

    with_prompt: float | None
    without_prompt: float | None

    @property
    def ifd(self) -> float | None:
        """Instruction-following difficulty; None where a loss is missing or zero."""
        if self.with_prompt is None or not self.without_prompt:
            return None
        return self.with_prompt / self.without_prompt


def rejections(rows: Sequence[DatedExample], losses: Mapping[str, Losses]) -> dict[str, Rejection]:
    """The rows with an IFD above 1, by id. What a person wrote stays: they did mean it."""
    ifd = {row.id: losses[row.id].ifd for row in rows if row.id in losses}
    misled = {name: value for name, value in ifd.items() if value is not None and value > MAX_IFD}
    if len(misled) > MAX_SHARE * len(rows):
        return {}
    return {
        row.id: Rejection(RejectionReason.MISMATCH, _why(misled[row.id]))
        for row in rows
        if row.id in misled and not row.is_written
    }


def _why(ifd: float) -> str:
    return f"The prompt makes the reply no likelier: its loss is {ifd:.2f} times that without it."
