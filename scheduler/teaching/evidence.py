"""Whether a user's demonstrations may teach an adapter. Pure.

What the user wrote is left out in turn. If the other demonstrations stand in the prompt, it must be
likelier than without them and than after a stranger's: then they say what this user wants. And they
may not cost what the base knows. Text overlap would not do: users who edit the base's own words
write texts that are closer to the base's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MIN_DEMONSTRATIONS = 2
"""One alone cannot be left out."""

MIN_SHARE = 0.75
"""The share of the user's texts that must be likelier: on real bases it was 133 of 135 for the
user's own demonstrations against none, and 132 of 135 against a stranger's."""

MIN_GAIN = 0.1
"""And the mean gain, in nats per token. In the lab it was 0.2 to 1.6."""

MAX_SHARE_LOST = 0.1
"""By this share of the plain questions fewer may be answered with demonstrations."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The log-probability of a text that the user wrote, in nats per token.

    By the base alone, after the user's other demonstrations, and after as many of a stranger.
    """

    alone: float
    own: float
    stranger: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the texts that the user wrote, and plain questions, say of the demonstrations.

    `num_right` of the plain questions are answered by the base, `num_right_shown` with
    demonstrations in the prompt.
    """

    left_out: tuple[LeftOut, ...]
    num_questions: int
    num_right: int
    num_right_shown: int


def may_teach(evidence: Evidence) -> tuple[bool, str]:
    """Whether the demonstrations may teach, and a sentence with the numbers."""
    texts = evidence.left_out
    if len(texts) < MIN_DEMONSTRATIONS:
        return False, f"Demonstrations teach from {MIN_DEMONSTRATIONS} on; there is one so far."
    clearer = sum(each.own > each.alone for each in texts)
    own = sum(each.own > each.stranger for each in texts)
    gain = _mean([each.own - each.alone for each in texts])
    against = _mean([each.own - each.stranger for each in texts])
    said = (
        f"With the user's other demonstrations in the prompt, {clearer} of {len(texts)} texts that"
        f" the user wrote or liked are likelier than without ({gain:+.2f} nats per token), {own}"
        f" likelier than after a stranger's ({against:+.2f})"
    )
    if min(clearer, own) < MIN_SHARE * len(texts) or min(gain, against) < MIN_GAIN:
        return False, f"{said}: the base does not see from them what the user wants."
    lost = evidence.num_right - evidence.num_right_shown
    answered = (
        f"it answers {evidence.num_right_shown} of {evidence.num_questions} plain questions right,"
        f" without them {evidence.num_right}"
    )
    if lost > MAX_SHARE_LOST * evidence.num_questions:
        return False, f"{said}. But {answered}: they cost what the base knows."
    return True, f"{said}; {answered}."


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
