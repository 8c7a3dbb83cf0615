"""Rows whose reply is in another style than the user's others."""

from collections.abc import Mapping, Sequence

from feedback.curation.fate import LeftOut, Reason, Row
from feedback.curation.ifd import Losses
from feedback.curation.stylometry import distances, features

MAX_DISTANCE = 3.0
MAX_SHARE = 0.1
"""Where more of the rows are beyond `MAX_DISTANCE`, they are a second style and no outliers."""


def ranked(rows: Sequence[Row], losses: Mapping[str, Losses]) -> list[tuple[float, Row]]:
    """The rows with their distance from the user's centre, the most typical first.

    Rows without a loss are left away: they cannot be compared.
    """
    measured = [
        (row, features(row.example.chosen, surprisal))
        for row in rows
        if row.id in losses and (surprisal := losses[row.id].with_prompt) is not None
    ]
    found = distances([each for _, each in measured])
    pairs = [(distance, row) for distance, (row, _) in zip(found, measured, strict=True)]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].age))


def left_out(rows: Sequence[Row], losses: Mapping[str, Losses]) -> dict[str, LeftOut]:
    """The few rows that are far from the centre, by id. What a person wrote stays: it is their
    style."""
    far = [(distance, row) for distance, row in ranked(rows, losses) if distance > MAX_DISTANCE]
    if len(far) > MAX_SHARE * len(rows):
        return {}
    return {
        row.id: LeftOut(Reason.STYLE, _why(distance)) for distance, row in far if not row.is_written
    }


def _why(distance: float) -> str:
    return (
        f"The reply is in another style than the others: {distance:.1f} times the usual distance"
        " from their centre."
    )
