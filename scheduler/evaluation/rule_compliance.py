"""Which replies of a fitted adapter break the user's rules, and their corrections. Pure.

Corrected replies of the base do not show the adapter its own mistakes. So its replies to other
prompts are corrected, too, and join the fit (DAgger, Ross et al. 2011, arXiv 1011.0686).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.examples.synthetic import rewritten_example, synthetic_example
from feedback.records import TrainingExample
from feedback.rules.rule import Rule
from feedback.text.repetition import is_repetitive
from feedback.text.tokens import size
from scheduler.evaluation.degeneration import collapsed, is_sound

MIN_LENGTH_RATIO = 0.25
"""A reply must have this share of the words of the base's rewritten reply. "Cheers, mate!" follows
the rule to end with it, but answers nothing."""


@dataclass(frozen=True, slots=True)
class ComplianceResult:
    """Which replies of the slot and of the base follow the rules, one value per prompt.

    `mistakes` are the corrected replies, if there is a correction. `part` says which of the job's
    `probes` these prompts were.
    """

    follows: tuple[bool, ...]
    base_follows: tuple[bool, ...]
    mistakes: tuple[TrainingExample, ...]
    part: int = 0

    @property
    def compliance_rate(self) -> float:
        """The share of the slot's replies that follow the rules, 0..1."""
        return sum(self.follows) / len(self.follows)


def correct_rollouts(
    rules: Sequence[Rule],
    user_id: str,
    exchanges: Sequence[tuple[str, str]],
    replies: Sequence[str],
) -> ComplianceResult:
    """Rewrite the replies that break a rule so that all rules hold.

    The base's reply is rewritten instead if the rules cannot mend a reply (such as a list of two
    that needs a third item), or if it loops, collapsed or is too short.
    """
    follows: list[bool] = []
    base_follows: list[bool] = []
    mistakes: list[TrainingExample] = []
    for (prompt, base_reply), reply, has_collapsed in zip(
        exchanges, replies, collapsed(replies), strict=True
    ):
        of_base = synthetic_example(user_id, rules, prompt, base_reply)
        is_short = of_base is not None and _is_too_short(reply, of_base.chosen)
        is_usable = is_sound(reply) and not (has_collapsed or is_short)
        own = synthetic_example(user_id, rules, prompt, reply) if is_usable else None
        base_follows.append(_follows_rules(base_reply, of_base))
        follows.append(_follows_rules(reply, own))
        if follows[-1]:
            continue
        if own is not None and own.chosen == own.revised_from:  # it should have ended there
            own = rewritten_example(user_id, prompt, reply.strip(), own.chosen, is_truncated=False)
        if own is None and not is_repetitive(base_reply):
            own = of_base
        if own is not None:
            mistakes.append(own)
    return ComplianceResult(tuple(follows), tuple(base_follows), tuple(mistakes))


def _follows_rules(reply: str, rewritten: TrainingExample | None) -> bool:
    """Whether the rules change nothing in a reply, nor where it ends: two sentences are right only
    if the reply has no more."""
    if rewritten is None or rewritten.chosen != rewritten.revised_from:
        return False
    return rewritten.is_truncated or rewritten.chosen == reply.strip()


def _is_too_short(reply: str, wanted: str) -> bool:
    """Whether there is too little for an answer, such as a closing alone."""
    return size(reply) < MIN_LENGTH_RATIO * size(wanted)
