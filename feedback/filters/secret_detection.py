"""Rejects examples with a secret, which an adapter could recite. Card numbers count as secrets."""

from collections.abc import Sequence

from feedback.filters.records import DatedExample, Rejection, RejectionReason
from feedback.text.secret_scan import secrets_in


def rejections(examples: Sequence[DatedExample]) -> dict[str, Rejection]:
    """The examples with a secret in the prompt or a reply, by id."""
    found = {}
    for each in examples:
        example = each.example
        texts = [turn.content for turn in example.messages] + [
            example.chosen,
            example.rejected or "",
        ]
        for text in texts:
            named = next((name for name, _, _ in secrets_in(text)), None)
            if named is not None:
                found[each.id] = Rejection(RejectionReason.SECRET, f"It holds {named}.")
                break
    return found
