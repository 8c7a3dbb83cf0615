"""What a run's record says of curation: how many rows were kept and left out, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from feedback.filters.records import Fate, LeftOut, tally


def curation_report(
    fates: Sequence[Fate], by_losses: Mapping[str, LeftOut] | None = None
) -> dict[str, Any]:
    """The counts, JSON-ready, with what nothing else remembers, by id.

    `by_losses` are the rows that only the training child could judge. `superseded` are those whose
    place a newer row took: who learned the newer one need not be told the older.
    """
    late = by_losses or {}
    early = [fate.left_out for fate in fates if fate.left_out is not None]
    listed = {name: {"reason": each.reason.value, "why": each.why} for name, each in late.items()}
    superseded = [fate.row.id for fate in fates if fate.left_out and fate.left_out.other]
    return {
        **tally(len(fates), [*early, *late.values()]),
        "by_losses": listed,
        "superseded": superseded,
    }
