"""Whether a user may store more. Pure."""

from feedback.errors import QuotaExceededError
from feedback.records import StorageLimits, StorageUse


def refuse_growth(before: StorageUse, after: StorageUse, limits: StorageLimits) -> None:
    """Raises `QuotaExceededError` if what grows is beyond its limit; less is always allowed."""
    if after.pending > max(limits.pending, before.pending):
        raise QuotaExceededError(
            f"{limits.pending:,} items of this user's feedback wait for completions that are not"
            " known: check their ids, or delete some."
        )
    if after.items > max(limits.items, before.items):
        amount = f"{limits.items:,} exchanges and items of feedback"
    elif after.bytes > max(limits.bytes, before.bytes):
        amount = f"{limits.bytes >> 20:,} MB of text"
    else:
        return
    raise QuotaExceededError(
        f"{amount} of this user are stored, which is the most. Delete some, or chat with"
        " store: false."
    )
