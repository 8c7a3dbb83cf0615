"""Who is served next, and how much of each prompt is prefilled. Pure: no clock, no threads."""

from collections import Counter
from collections.abc import Collection, Sequence

OUTPUT_WEIGHT = 2
"""A written token takes a whole step, a prompt's token a small part of one."""
LONGEST_WAIT = 30.0
"""Seconds after which a request in the background is written beside users' replies."""
LONGEST_TURN = 64
"""Tokens after which a reply gives its row up if somebody waits who has none."""


class FairShare:
    """The least served user comes first: virtual token counters (Sheng et al. 2024, "Fairness in
    Serving Large Language Models"). Only users who wait or are served have a counter."""

    def __init__(self) -> None:
        self._served: dict[str, int] = {}

    def join(self, user: str, active: Collection[str]) -> None:
        """Note a new request. Idle time earns no credit: who comes back starts at the minimum."""
        floor = min((self._served.get(each, 0) for each in active if each != user), default=0)
        if user not in active:
            self._served[user] = max(self._served.get(user, 0), floor)

    def charge(self, user: str, tokens: int) -> None:
        """Count tokens that were prefilled or written for a user."""
        self._served[user] = self._served.get(user, 0) + tokens

    def first(self, users: Sequence[str]) -> str:
        """The least served of at least one user, the earliest of equals."""
        return min(users, key=lambda user: self._served.get(user, 0))

    def forget_all_but(self, active: Collection[str]) -> None:
        """Drop the counters of users who neither wait nor are served."""
        self._served = {user: n for user, n in self._served.items() if user in active}


def row_share(rows: int, users: int) -> int:
    """How many of the rows each of these users may hold while others wait: at least one."""
    return max(1, rows // max(1, users))


def row_to_give_up(
    holders: Sequence[str], written: Sequence[int], *, user: str, share: int
) -> int | None:
    """Which of the rows goes to this user, whose request waits; None if it has to wait on.

    Row i is held by `holders[i]`, for whom it has `written[i]` tokens since it was given. A user
    below the `share` gets the newest row of the user who holds most. If nobody holds more than a
    share, there are more users than rows, and they take turns of `LONGEST_TURN` tokens.
    """
    held = Counter(holders)
    if not held or held[user] >= share:
        return None
    most = max(held.values())
    if most > share:
        return min(
            (i for i, holder in enumerate(holders) if held[holder] == most),
            key=lambda i: written[i],
        )
    longest = max(range(len(holders)), key=lambda i: written[i])
    return longest if written[longest] >= LONGEST_TURN else None


def overdue(since: Sequence[float], now: float) -> int | None:
    """Which request in the background was made first, if that is at least `LONGEST_WAIT` ago.

    It then runs beside users' requests, so that a busy server still learns. Times are in seconds.
    """
    first = min(range(len(since)), key=lambda i: since[i], default=None)
    return None if first is None or now - since[first] < LONGEST_WAIT else first


def rows_within_share(holders: Sequence[str], share: int) -> int:
    """How many of the rows, held by these users, belong to users with at most a share."""
    return sum(held for held in Counter(holders).values() if held <= share)


def prefill_shares(remaining: Sequence[int], *, decoding: int, budget: int) -> list[int]:
    """How many tokens of each unfinished prompt to prefill in the next step, first come first.

    `remaining` are the tokens left of each prompt. While replies are `decoding`, all shares
    together are at most `budget`, because those replies wait for the step. Without any, it is four
    times as much, because long products are quicker per token. So it is if all of them belong to
    users who hold more than a share: others do not wait longer for their sake.
    """
    left = budget if decoding else 4 * budget
    shares = []
    for tokens in remaining:
        share = min(tokens, left)
        shares.append(share)
        left -= share
    return shares
