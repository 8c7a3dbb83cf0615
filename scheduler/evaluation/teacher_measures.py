"""The measures of an adapter that learned what a teacher says. Pure.

The candidate must come close to its teacher on unseen prompts. In later turns, where it answers
with the user's memory in its prompt, it must be no worse than memory alone: a promotion takes
nothing away.
"""

from dataclasses import dataclass

from feedback.text.counts import count
from scheduler.evaluation.reply_measures import Counts
from scheduler.evaluation.sign_test import ALPHA, chance_of_wins, p_value
from scheduler.measure import Measure
from scheduler.records import Evaluation

MIN_GAP_CLOSED = 0.5
"""Of the way from the base to the teacher. Memory stays in the prompt, so more is not needed."""

MAX_LEFT_OUT_LOSS = 0.1
"""Nats per token that texts of the user which no weights hold may be less likely than with memory
alone: two fits of the same lessons differ by as much on one text."""

MAX_SURPRISE = 0.0
"""Nats per token that a candidate's greedy reply may be less likely under the teacher than the
teacher's own sample is. "I do not know", half an answer or broken code is less likely, whatever its
form."""


@dataclass(frozen=True, slots=True)
class TaughtReplies:
    """What the candidate said and found likely. With memory it is asked after another exchange.

    - `left_out`: mean log-probability, in nats per token, of `num_left_out` texts of the user that
      no weights hold. None if there are none.
    - `surprise`: mean nats per token of `num_replies` greedy replies under the teacher, less those
      of the teacher's own samples: of the candidate, and of the candidate with memory.
    """

    num_left_out: int
    left_out: Counts | None
    num_replies: int
    surprise: tuple[float, float]


def teacher_measures(evaluation: Evaluation, replies: TaughtReplies) -> tuple[Measure, ...]:
    """How close it came to its teacher, in form and in content."""
    left_out = _left_out(replies)
    return (
        _adherence(evaluation),
        _adherence_later(evaluation),
        *(() if left_out is None else (left_out,)),
        *_content(replies),
    )


def gap_closed(evaluation: Evaluation) -> float:
    """The share of the way from the base to the teacher, on unseen prompts; negative if farther."""
    of_base, own = evaluation.teacher_kl_base, evaluation.teacher_kl
    return 0.0 if not of_base or own is None else 1 - own / of_base


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


def _adherence_later(evaluation: Evaluation) -> Measure:
    memory, own = evaluation.teacher_kl_base_later or 0.0, evaluation.teacher_kl_later or 0.0
    closer, n = evaluation.num_closer_later, evaluation.num_unseen
    chance = chance_of_wins(closer, n)
    return Measure(
        name="adherence in later turns",
        candidate=own,
        base=None,
        memory=memory,
        n=n,
        bound=memory,
        is_met=own <= memory,
        sentence=(
            f"After another exchange, memory alone is {memory:.2f} nats per token (KL) away from"
            f" there, with the version {own:.2f}; it is closer on {closer} of"
            f" {count(n, 'prompt')} ({p_value(chance)}). It may not be farther."
        ),
        p=chance,
    )


def _left_out(replies: TaughtReplies) -> Measure | None:
    found, n = replies.left_out, replies.num_left_out
    if found is None or found.memory is None or found.with_memory is None:
        return None
    return Measure(
        name="left-out texts",
        candidate=found.with_memory,
        base=found.base,
        memory=found.memory,
        n=n,
        bound=found.memory - MAX_LEFT_OUT_LOSS,
        is_met=found.with_memory >= found.memory - MAX_LEFT_OUT_LOSS,
        sentence=(
            f"After another exchange, {count(n, 'text')} of the user that it has not learned"
            f" {'has' if n == 1 else 'have'} a log-probability of {found.with_memory:.2f} nats per"
            f" token with memory; with memory alone {found.memory:.2f}."
        ),
    )


def _content(replies: TaughtReplies) -> tuple[Measure, ...]:
    names = (
        ("content", "Its replies"),
        ("content in later turns", "After another exchange, with memory, its replies"),
    )
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
