"""Whether an adapter that learned from a teacher may answer: a list of measures. Pure.

The candidate must come close to its teacher on unseen prompts, and with the user's memory in its
prompt it must be no worse than memory alone: a promotion takes nothing away.
"""

from dataclasses import dataclass

from feedback.text.counts import count
from scheduler.measure import Measure
from scheduler.records import Evaluation, Outcome, Verdict
from scheduler.sign_test import chance_of_wins, p_value

ALPHA = 0.1
"""Significance level of the sign tests."""

MIN_GAP_CLOSED = 0.5
"""Of the way from the base to the teacher. Memory stays in the prompt, so more is not needed."""

MAX_GAIN_LOST = 0.2
"""The share of memory's gain over the base that may be lost on texts of the user that no weights
hold. Two fits of the same lessons differ by as much on one text."""

MIN_LOSS_COUNTED = 0.1
"""A loss of fewer nats per token is none."""

MAX_QUESTIONS_LOST = 1
"""Plain questions that may stay unanswered: two replies of one model differ by as much."""

MAX_FAULTY = 0.1
"""How far the share of faulty replies may exceed that of the base, or of the base with memory."""

MAX_FAULTY_TEACHER = 0.3
"""And that of memory may exceed the base's by so much: a teacher that says the same to nearly
everything is no excuse."""

MAX_SURPRISE = 0.0
"""Nats per token that a candidate's greedy reply may be less likely under the teacher than the
teacher's own sample is. "I do not know", half an answer or broken code is less likely, whatever its
form."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A number for the base, the base with memory, the candidate, and the candidate with memory."""

    base: float
    memory: float
    candidate: float
    with_memory: float


@dataclass(frozen=True, slots=True)
class DistilledReplies:
    """What the candidate said and found likely, as it will be served.

    - `plain`: how many of `num_plain` plain questions were answered.
    - `left_out`: mean log-probability, in nats per token, of `num_left_out` texts of the user that
      no weights hold. None if there are none.
    - `surprise`: mean nats per token of `num_replies` greedy replies under the teacher, less those
      of the teacher's own samples: of the candidate, and of the candidate with memory.
    - `faulty`: the shares of these replies that are empty, repeat themselves, are like other
      replies or echo the prompt.
    """

    num_plain: int
    plain: Counts
    num_left_out: int
    left_out: Counts | None
    num_replies: int
    surprise: tuple[float, float]
    faulty: Counts


def measures(evaluation: Evaluation, replies: DistilledReplies) -> tuple[Measure, ...]:
    """All measures of a candidate."""
    found = (
        _adherence(evaluation),
        _adherence_with_memory(evaluation),
        _left_out(replies),
        *_content(replies),
        *_plain_questions(replies),
        _degeneration(replies),
    )
    return tuple(each for each in found if each is not None)


def judge(found: tuple[Measure, ...]) -> Verdict:
    """Refuse a candidate with a measure that is not met, and say which."""
    failed = tuple(each.sentence for each in found if not each.is_met)
    if failed:
        return Verdict(Outcome.REFUSED, failed, found)
    return Verdict(Outcome.PROVISIONAL, tuple(each.sentence for each in found), found)


def gap_closed(evaluation: Evaluation) -> float:
    """The share of the way from the base to the teacher, on unseen prompts; negative if farther."""
    return _closed(evaluation, evaluation.teacher_kl)


def _closed(evaluation: Evaluation, divergence: float | None) -> float:
    of_base = evaluation.teacher_kl_base
    if not of_base or divergence is None:
        return 0.0
    return 1 - divergence / of_base


def _adherence(evaluation: Evaluation) -> Measure:
    closed, n = gap_closed(evaluation), evaluation.num_unseen
    chance = chance_of_wins(evaluation.num_closer, n)
    return Measure(
        name="adherence",
        candidate=closed,
        base=0.0,
        memory=1.0,
        n=n,
        bound=MIN_GAP_CLOSED,
        is_met=closed >= MIN_GAP_CLOSED and chance <= ALPHA,
        sentence=(
            f"On {count(n, 'unseen prompt')} it goes {closed:.0%} of the way from the base to the"
            f" base with memory, and is closer to it on {evaluation.num_closer}"
            f" ({p_value(chance)}); at least {MIN_GAP_CLOSED:.0%} needed."
        ),
        p=chance,
    )


def _adherence_with_memory(evaluation: Evaluation) -> Measure:
    closed = _closed(evaluation, evaluation.teacher_kl_with_memory)
    return Measure(
        name="adherence with memory",
        candidate=closed,
        base=0.0,
        memory=1.0,
        n=evaluation.num_unseen,
        bound=MIN_GAP_CLOSED,
        is_met=closed >= MIN_GAP_CLOSED,
        sentence=(
            f"With memory it stays {closed:.0%} of the way there; at least {MIN_GAP_CLOSED:.0%}"
            " needed."
        ),
    )


def _left_out(replies: DistilledReplies) -> Measure | None:
    found, n = replies.left_out, replies.num_left_out
    if found is None:
        return None
    allowed = max(MIN_LOSS_COUNTED, MAX_GAIN_LOST * (found.memory - found.base))
    return Measure(
        name="left-out texts",
        candidate=found.with_memory,
        base=found.base,
        memory=found.memory,
        n=n,
        bound=found.memory - allowed,
        is_met=found.with_memory >= found.memory - allowed,
        sentence=(
            f"With memory, {count(n, 'text')} of the user that it has not learned"
            f" {'has' if n == 1 else 'have'} a log-probability of {found.with_memory:.2f} nats per"
            f" token; memory alone {found.memory:.2f}, the base {found.base:.2f}."
        ),
    )


def _content(replies: DistilledReplies) -> tuple[Measure, ...]:
    names = (("content", "Its replies"), ("content with memory", "With memory its replies"))
    return tuple(
        Measure(
            name=name,
            candidate=surprise,
            base=None,
            memory=0.0,
            n=replies.num_replies,
            bound=MAX_SURPRISE,
            is_met=surprise <= MAX_SURPRISE,
            sentence=(
                f"{what} surprise the base with memory by {surprise:+.2f} nats per token more than"
                f" its own; at most {MAX_SURPRISE:+.2f} allowed."
            ),
        )
        for (name, what), surprise in zip(names, replies.surprise, strict=True)
    )


def _plain_questions(replies: DistilledReplies) -> tuple[Measure, ...]:
    n, found = replies.num_plain, replies.plain
    rows = (
        ("plain questions", found.candidate, found.base, "It", "the base"),
        (
            "plain questions with memory",
            found.with_memory,
            found.memory,
            "With memory it",
            "memory alone",
        ),
    )
    return tuple(
        Measure(
            name=name,
            candidate=own,
            base=found.base,
            memory=found.memory,
            n=n,
            bound=other - MAX_QUESTIONS_LOST,
            is_met=own >= other - MAX_QUESTIONS_LOST,
            sentence=(
                f"{who} answers {own:.0f} of {count(n, 'plain question')} right,"
                f" {whom} {other:.0f}."
            ),
        )
        for name, own, other, who, whom in rows
    )


def _degeneration(replies: DistilledReplies) -> Measure:
    found = replies.faulty
    worst = max(found.candidate, found.with_memory)
    allowed = max(found.base, found.memory) + MAX_FAULTY
    return Measure(
        name="degeneration",
        candidate=worst,
        base=found.base,
        memory=found.memory,
        n=replies.num_replies,
        bound=allowed,
        is_met=worst <= allowed and found.memory <= found.base + MAX_FAULTY_TEACHER,
        sentence=(
            f"{worst:.0%} of its replies are empty, loop, echo the prompt or are all alike; of the"
            f" base {found.base:.0%}, with memory {found.memory:.0%}."
        ),
    )
