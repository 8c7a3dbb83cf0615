"""The tables of hand-written users."""

from collections.abc import Sequence

from tests.benchmarks.learning.results import Arm
from tests.benchmarks.real_users.results import Key, Results, Situation
from tests.benchmarks.real_users.user import RealUser
from tests.benchmarks.report import markdown_table

WORST = 3
ARMS = (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH)


def adherence(
    results: Results, user: RealUser, lessons: int, arm: Arm, situation: Situation
) -> float | None:
    """The share of replies that are as the user wants them, or of plain questions that are right.

    None if it was not measured.
    """
    found = results.get(Key(user.name, lessons if arm is not Arm.BASE else 0, arm, situation))
    if found is None:
        return None
    if situation.is_plain:
        right = [q.is_answered(r) for q, r in zip(user.plain, found.replies, strict=True)]
    else:
        right = [user.accepts(q, r) for q, r in zip(user.unseen, found.replies, strict=True)]
    return sum(right) / len(right)


def report(results: Results, users: Sequence[RealUser], points: Sequence[int]) -> str:
    """One table for each point, and the worst users' replies at the last one."""
    parts = [_point(results, users, point) for point in points]
    return "\n\n".join([*parts, _worst(results, users, points[-1])])


def _point(results: Results, users: Sequence[RealUser], point: int) -> str:
    heading = (
        f"after {point}",
        "base",
        "memory: first, third turn, system prompt",
        "weights",
        "both: first, third turn, system prompt",
        "plain questions: base, memory, weights, both",
        "the same in the third turn",
        "memory's tokens: before, after training",
        "training",
    )
    rows = [_row(results, user, point) for user in users]
    return markdown_table(heading, [*rows, _mean_row(results, users, point)])


def _row(results: Results, user: RealUser, point: int) -> tuple[str, ...]:
    def share(arm: Arm, situation: Situation = Situation.FIRST) -> str:
        return _shown(adherence(results, user, point, arm, situation))

    def three(arm: Arm) -> str:
        situations = (Situation.FIRST, Situation.THIRD, Situation.SYSTEM)
        return ", ".join(share(arm, each) for each in situations)

    both = results.get(Key(user.name, point, Arm.BOTH, Situation.FIRST))
    memory = results.get(Key(user.name, point, Arm.MEMORY, Situation.FIRST))
    tokens = ", ".join(
        "–" if each is None else f"{each.memory_tokens:.0f}" for each in (memory, both)
    )
    run = both.run if both else None
    return (
        f"{user.name} ({user.kind})",
        share(Arm.BASE),
        three(Arm.MEMORY),
        share(Arm.WEIGHTS),
        three(Arm.BOTH),
        *(
            ", ".join(share(arm, each) for arm in (Arm.BASE, *ARMS))
            for each in (Situation.PLAIN, Situation.PLAIN_THIRD)
        ),
        tokens,
        f"{run.status}, {run.seconds:.0f} s" if run else "–",
    )


def _mean_row(results: Results, users: Sequence[RealUser], point: int) -> tuple[str, ...]:
    def mean(arm: Arm, situation: Situation = Situation.FIRST) -> str:
        found = [adherence(results, user, point, arm, situation) for user in users]
        known = [each for each in found if each is not None]
        return _shown(sum(known) / len(known) if known else None)

    def three(arm: Arm) -> str:
        situations = (Situation.FIRST, Situation.THIRD, Situation.SYSTEM)
        return ", ".join(mean(arm, each) for each in situations)

    return (
        "**mean**",
        mean(Arm.BASE),
        three(Arm.MEMORY),
        mean(Arm.WEIGHTS),
        three(Arm.BOTH),
        *(
            ", ".join(mean(arm, each) for arm in (Arm.BASE, *ARMS))
            for each in (Situation.PLAIN, Situation.PLAIN_THIRD)
        ),
        "",
        "",
    )


def _worst(results: Results, users: Sequence[RealUser], point: int) -> str:
    """Three replies of the users who get least of what they want, as they have it at last."""

    def final(user: RealUser) -> tuple[float, Arm] | None:
        for arm in (Arm.BOTH, Arm.MEMORY):
            share = adherence(results, user, point, arm, Situation.FIRST)
            if share is not None:
                return share, arm
        return None

    found = [(*best, user) for user in users if (best := final(user))]
    ranked = sorted(found, key=lambda each: (each[0], each[2].name))
    lines = [f"Replies to the {WORST} users who get least, after {point}:"]
    for share, arm, user in ranked[:WORST]:
        lines.append(f"\n- {user.name}: {user.wants} {share:.2f} with {arm.value}.")
        measured = results.get(Key(user.name, point, arm, Situation.FIRST))
        assert measured is not None
        for question, reply in list(zip(user.unseen, measured.replies, strict=True))[:3]:
            verdict = "accepted" if user.accepts(question, reply) else "refused"
            text = " / ".join(reply.split("\n"))[:240]
            lines.append(f"  - “{question.prompt}” → “{text}” ({verdict})")
    return "\n".join(lines)


def _shown(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"
