"""Which waiting request is sent next. Pure.

vLLM takes requests as they come, so users share it fairly only if few wait inside it.
"""

from collections import Counter
from collections.abc import Sequence as Items

from server.engine.scheduling import FairShare, overdue, row_share
from server.engine.sequence import Sequence


def next_sequence(
    waiting: Items[Sequence],
    running: Items[Sequence],
    shares: FairShare,
    *,
    rows: int,
    now: float,
) -> Sequence | None:
    """The request of the least served user, first among users below their share of the `rows`.

    Those in the background wait until nobody else asks, but one that has waited long goes along.
    `now` is in seconds of the monotonic clock.
    """
    ready = [each for each in waiting if not each.is_background]
    background = [each for each in waiting if each.is_background]
    if not ready and not any(not each.is_background for each in running):
        ready = background
    elif not any(each.is_background for each in running):
        since = [each.background_since or 0.0 for each in background]
        if (index := overdue(since, now)) is not None:
            ready.append(background[index])
    if not ready:
        return None
    held = Counter(each.user for each in running)
    share = row_share(rows, len({*held, *(each.user for each in ready)}))
    ready = [each for each in ready if held[each.user] < share] or ready
    user = shares.first([each.user for each in ready])
    return next(each for each in ready if each.user == user)
