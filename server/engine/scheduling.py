"""Who is served next: the one who got the least so far (virtual token counters, Sheng et al. 2024,
"Fairness in Serving Large Language Models"). Pure: no clock, no threads."""

from collections.abc import Collection, Iterable, Sequence


class FairShare:
    """Counts the tokens that each user was served while anybody was waiting or being served."""

    def __init__(self) -> None:
        self._served: dict[str, int] = {}

    def join(self, user: str, active: Collection[str]) -> None:
        """A user asks again: idle time earns nothing, so they begin with the least active one."""
        floor = min((self._served.get(each, 0) for each in active if each != user), default=0)
        if user not in active:
            self._served[user] = max(self._served.get(user, 0), floor)

    def charge(self, user: str, tokens: int) -> None:
        """Note tokens that were prefilled or written for a user."""
        self._served[user] = self._served.get(user, 0) + tokens

    def first(self, users: Iterable[str]) -> int | None:
        """The index of the user who was served least; the earliest of equals. None for nobody."""
        indexed = [(self._served.get(user, 0), index) for index, user in enumerate(users)]
        return min(indexed)[1] if indexed else None

    def forget_all_but(self, active: Collection[str]) -> None:
        """Drop the counters of users who neither wait nor are served."""
        self._served = {user: n for user, n in self._served.items() if user in active}


def prefill_shares(remaining: Sequence[int], *, decoding: int, budget: int) -> list[int]:
    """How many tokens of each unfinished prompt to prefill in the next step, in order.

    `remaining` are the tokens left of each prompt, the first of them served first, and all within
    `budget` tokens together. While replies are `decoding` they wait for every prefilled token, so
    then the budget is theirs to bound; with nobody waiting it is four times as large, because long
    products are quicker per token.
    """
    left = budget if decoding else 4 * budget
    shares = []
    for tokens in remaining:
        share = min(tokens, left)
        shares.append(share)
        left -= share
    return shares
