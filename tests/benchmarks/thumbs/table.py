"""The table of users who only press thumbs."""

from collections.abc import Sequence
from statistics import mean

from tests.benchmarks.learning.results import Arm
from tests.benchmarks.report import markdown_table
from tests.benchmarks.thumbs.measure import BASE, Key, Results
from tests.benchmarks.thumbs.users import ThumbsUser

ARMS = (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH)


def liked_share(results: Results, user: ThumbsUser, key: Key) -> float | None:
    """The share of replies that the user likes; None if it was not measured."""
    found = results.get(key)
    return None if found is None else mean(map(user.likes, found.replies))


def report(results: Results, users: Sequence[ThumbsUser], points: Sequence[int]) -> str:
    """A row for each user, and the mean gains over the base."""
    heading = ["user", "base"]
    for point in points:
        heading += [f"{point} thumbs: memory, weights, both", "training"]
    rows = [_row(results, user, points) for user in users]
    gains = ["**mean − base**", ""]
    for point in points:
        gains += [", ".join(_gain(results, users, point, arm) for arm in ARMS), ""]
    return markdown_table(heading, [*rows, gains])


def _row(results: Results, user: ThumbsUser, points: Sequence[int]) -> list[str]:
    row = [f"{user.name}: {user.wish}", _shown(liked_share(results, user, BASE))]
    for point in points:
        keys = [Key(user.name, point, arm) for arm in ARMS]
        row.append(", ".join(_shown(liked_share(results, user, key)) for key in keys))
        both = results.get(keys[-1])
        run = both.run if both else None
        row.append(f"{run.status}, {run.seconds:.0f} s" if run else "–")
    return row


def _gain(results: Results, users: Sequence[ThumbsUser], point: int, arm: Arm) -> str:
    pairs = [
        (liked_share(results, user, BASE), liked_share(results, user, Key(user.name, point, arm)))
        for user in users
    ]
    gains = [after - before for before, after in pairs if before is not None and after is not None]
    return f"{mean(gains):+.2f}" if gains else "–"


def _shown(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"
