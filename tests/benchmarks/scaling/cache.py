"""How often an adapter is in memory already, if few users chat much and many chat little."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np

from tests.benchmarks.scaling.constants import TURNS_A_CHAT, Assumptions

REQUESTS = 300_000
WARM_UP = 100_000


def requests(users: int, zipf: float, given: Assumptions, seed: int) -> list[int]:
    """Users in the order of their requests. Chats begin at random times, and their turns come at
    equal distances; a chat has a geometric number of turns."""
    rng = np.random.default_rng(seed)
    # So many chats at once as users are active.
    chats = int(REQUESTS / TURNS_A_CHAT)
    rate = users * given.active_share / (TURNS_A_CHAT * given.seconds_between_turns)
    weights = np.arange(1, users + 1, dtype=np.float64) ** -zipf
    bounds = np.cumsum(weights) / weights.sum()
    who = np.searchsorted(bounds, rng.random(chats))
    begins = np.cumsum(rng.exponential(1 / rate, chats))
    turns = rng.geometric(1 / TURNS_A_CHAT, chats)
    user = np.repeat(who, turns)
    place = np.concatenate([np.arange(count) for count in turns])
    at = np.repeat(begins, turns) + place * given.seconds_between_turns
    return [int(each) for each in user[np.argsort(at, kind="stable")]]


def hit_rate(stream: Sequence[int], places: int) -> float:
    """The share of requests whose adapter is among the `places` used last."""
    found = list(_hits(stream, places))[WARM_UP:]
    return sum(found) / len(found)


def _hits(stream: Sequence[int], places: int) -> Iterator[bool]:
    held: OrderedDict[int, None] = OrderedDict()
    for user in stream:
        yield user in held
        held[user] = None
        held.move_to_end(user)
        if len(held) > places:
            held.popitem(last=False)
