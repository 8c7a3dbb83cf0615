"""What a run's record says of curation: how many rows were kept and left out, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from feedback.curation.fate import Fate, LeftOut, tally


def curation_report(
    fates: Sequence[Fate], by_losses: Mapping[str, LeftOut] | None = None
) -> dict[str, Any]:
    """The counts, JSON-ready. `by_losses` are the rows that only the training child could judge.

    Those are also listed by id, since nothing else remembers them.
    """
    late = by_losses or {}
    early = [fate.left_out for fate in fates if fate.left_out is not None]
    listed = {name: {"reason": each.reason.value, "why": each.why} for name, each in late.items()}
    return tally(len(fates), [*early, *late.values()]) | {"by_losses": listed}
