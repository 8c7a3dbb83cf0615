"""Drops rows that hold a secret: an adapter can recite what it was trained on.

A card number counts as a secret.
"""

from collections.abc import Sequence

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.text.secret_scan import secrets_in


def rejections(rows: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The rows that hold a secret in the prompt or a reply, by id."""
    found = {}
    for row in rows:
        example = row.example
        texts = [turn.content for turn in example.prompt] + [example.chosen, example.rejected or ""]
        for text in texts:
            named = next((name for name, _, _ in secrets_in(text)), None)
            if named is not None:
                found[row.id] = Rejection(RejectionReason.SECRET, f"It holds {named}.")
                break
    return found
