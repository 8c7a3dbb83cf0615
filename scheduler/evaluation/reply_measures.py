"""The measures of a candidate's replies, whatever taught it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from feedback.text.counts import count
from scheduler.evaluation.sign_test import ALPHA, chance_of_wins, fewest_to_pass, p_value
from scheduler.measure import Measure
from scheduler.records import GateConfig

MAX_FAULTY_TEACHER = 0.3
"""How far the share of faulty replies with memory may exceed the base's: a teacher that says the
same to nearly everything is no excuse."""

MIN_KEPT = 0.25
"""The share of the base's plain answers that a version must keep if rules taught it, or if it is
asked without the memory that it answers with. On a small base a form costs many: SmolLM2-135M in
lower case answers 7 instead of 16. Its user asked for that form, and the verdict says what it
costs. A broken version answers none."""

PREFERRED = "preferred replies"

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Counts:
    """A number for the base and for the candidate, and for both with the user's memory in the
    prompt, None if memory was not asked."""

    base: float
    candidate: float
    memory: float | None = None
    with_memory: float | None = None


def degeneration(found: Counts, n: int, config: GateConfig) -> Measure:
    """The share of replies with a fault, as `degeneration.share_of_faulty` counts them.

    Replies with and without memory count together: of twelve, two are faulty by chance.
    """
    memory = found.base if found.memory is None else found.memory
    with_memory = found.candidate if found.with_memory is None else found.with_memory
    before, own = (found.base + memory) / 2, (found.candidate + with_memory) / 2
    allowed = before + config.max_faulty_increase
    beside = "" if found.memory is None else f", with memory {memory:.0%}"
    return Measure(
        name="degeneration",
        candidate=own,
        base=found.base,
        memory=found.memory,
        n=n,
        bound=allowed,
        is_met=own <= allowed + _ROUNDING and memory <= found.base + MAX_FAULTY_TEACHER,
        sentence=(
            f"{own:.0%} of its replies are empty, loop, echo the prompt or are all alike; of the"
            f" base {found.base:.0%}{beside}; at most {allowed:.0%} allowed."
        ),
    )


def plain_questions(
    base: Sequence[bool],
    candidate: Sequence[bool],
    *,
    where: str = "",
    compliance_gained: float = 0.0,
    min_kept: float | None = None,
) -> Measure:
    """Which plain questions the base and the candidate answer.

    With `where`, which says how the candidate was asked, memory alone is in the base's place.
    Refuses a significant loss: a few answers of any two models differ by chance. But the share of
    answers lost may be as large as `compliance_gained`, the share of replies that comply only now.
    With `min_kept`, that share of the base's answers is enough.
    """
    pairs = list(zip(base, candidate, strict=True))
    lost, gained = pairs.count((True, False)), pairs.count((False, True))
    found, own, chance = sum(base), sum(candidate), chance_of_wins(lost, lost + gained)
    paid_for = ceil(found - compliance_gained * len(pairs))
    bound = min(fewest_to_pass(pairs), paid_for) if min_kept is None else ceil(min_kept * found)
    subject, whom = (f"{where} it", "memory alone") if where else ("It", "the base")
    changed = f"; it lost {lost} and gained {gained} ({p_value(chance)})" if lost > gained else ""
    return Measure(
        name=f"plain questions {where.lower()}".rstrip(),
        candidate=own,
        base=None if where else found,
        memory=found if where else None,
        n=len(base),
        bound=bound,
        is_met=own >= bound,
        sentence=(
            f"{subject} answers {own} of {count(len(base), 'plain question')} right, {whom} {found}"
            f"{changed}."
        ),
        p=chance,
    )


def preferred(base: Sequence[float], candidate: Sequence[float]) -> Measure:
    """Whether the user's preference model likes the candidate's replies better than the base's.

    Both are its scores of replies to the same prompts.
    """
    n = len(base)
    wins = sum(other > one for one, other in zip(base, candidate, strict=True))
    losses = sum(other < one for one, other in zip(base, candidate, strict=True))
    chance = chance_of_wins(wins, wins + losses)
    return Measure(
        name=PREFERRED,
        candidate=wins,
        base=losses,
        memory=None,
        n=n,
        bound=next(k for k in range(n + 2) if k > n or chance_of_wins(k, k + losses) <= ALPHA),
        is_met=chance <= ALPHA,
        sentence=(
            f"Of its replies to {count(n, 'prompt')}, {wins} read more like what the user liked"
            f" than the base's, {losses} less ({p_value(chance)})."
        ),
        p=chance,
    )
