"""How often adapters prefer their writer's own edits, and the table of it. Pure."""

from collections.abc import Sequence

from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.report import markdown_table
from tests.benchmarks.writers.results import BASE, WritersResults
from tests.benchmarks.writers.rows import WRITERS, Row
from tests.benchmarks.writers.users import WritingUser

NOT_MEASURED = "–"


def is_own_preferred(own: int, base: Sequence[float], adapter: Sequence[float]) -> bool:
    """Whether the edit with the index `own` gains more over the base than any other edit.

    `base` and `adapter` are the log-probabilities of all edits. A tie is no preference.
    """
    gains = [after - before for before, after in zip(base, adapter, strict=True)]
    return all(gains[own] > gain for index, gain in enumerate(gains) if index != own)


def own_preferred(results: WritersResults, user: WritingUser, rows: Sequence[Row]) -> Tally:
    """In how many of the scored rows the user's adapter prefers the user's own edit."""
    scores = [
        (row, results.scored.get((BASE, row.id)), results.scored.get((user.name, row.id)))
        for row in rows
    ]
    return Tally.of(
        is_own_preferred(user.own[row.id], base.log_probs, adapter.log_probs)
        for row, base, adapter in scores
        if base is not None and adapter is not None
    )


def report(
    results: WritersResults,
    writers: Sequence[WritingUser],
    shuffled: Sequence[WritingUser],
    rows: Sequence[Row],
) -> str:
    """A line for each user, one for all writers and one for all shuffled ones, and the refusals."""
    lines: list[list[str]] = []
    for name, users in (("all writers", writers), ("all shuffled writers", shuffled)):
        tallies = [own_preferred(results, user, rows) for user in users]
        for user, tally in zip(users, tallies, strict=True):
            lines.append([user.name, _shown(tally), _training(results, user)])
        lines.append([f"**{name}**", _shown(sum(tallies, Tally())), ""])
    parts = [
        markdown_table(["user", "own edit preferred", "training"], lines),
        f"Shares with 95 % intervals (Wilson 1927) over rows; chance is {1 / len(WRITERS):.2f}."
        " All users have the same rows, so those of several users are not independent of each"
        " other.",
        "\n".join(_refusals(results, [*writers, *shuffled])),
    ]
    return "\n\n".join(filter(None, parts))


def _refusals(results: WritersResults, users: Sequence[WritingUser]) -> list[str]:
    found = [results.trained.get(user.name) for user in users]
    return [
        f"- {each.user}: {each.run.status}. {each.run.reason}"
        for each in found
        if each is not None and not results.is_promoted(each.user)
    ]


def _training(results: WritersResults, user: WritingUser) -> str:
    found = results.trained.get(user.name)
    return f"{found.run.status}, {found.run.seconds:.0f} s" if found else NOT_MEASURED


def _shown(tally: Tally) -> str:
    return str(tally) if tally.total else NOT_MEASURED
