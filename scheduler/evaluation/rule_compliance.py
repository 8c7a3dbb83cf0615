"""What a fitted adapter still gets wrong, by the user's rules, and how it should have been.

The base's replies, changed by the rules, show where the base must be left; not where the adapter
goes wrong once it has left it. So its own replies to other prompts are corrected in turn, and join
the fit (DAgger, Ross et al. 2011, arXiv 1011.0686).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.examples.synthetic import rewritten_example, synthetic_example
from feedback.records import TrainingExample
from feedback.rules.rule import Rule
from feedback.text.repetition import is_repetitive
from feedback.text.tokens import words
from scheduler.evaluation.degeneration import collapsed, is_empty

MIN_LENGTH_RATIO = 0.25
"""A reply of a smaller share of the words that the base's has, once the rules changed it, is none:
"Cheers, mate!" keeps the rule to end with it, and answers nothing."""


@dataclass(frozen=True, slots=True)
class ComplianceResult:
    """Which replies keep the rules, of the slot and of the base to the same prompts, and how what
    was wrong should have been, where that is known. `part` says which of the job's `tried` prompts
    these were."""

    follows: tuple[bool, ...]
    base_follows: tuple[bool, ...]
    mistakes: tuple[TrainingExample, ...]
    part: int = 0

    @property
    def compliance_rate(self) -> float:
        """Of the replies of the slot, those that keep the rules, 0..1."""
        return sum(self.follows) / len(self.follows)


def correct_rollouts(
    rules: Sequence[Rule],
    user_id: str,
    exchanges: Sequence[tuple[str, str]],
    replies: Sequence[str],
) -> ComplianceResult:
    """Change the replies that break a rule so that all rules hold. Pure.

    Where that would take invention, such as a third item for a list of two, and where a reply
    loops, says hardly anything or says what it says to other prompts too, the base's own reply is
    changed in its place.
    """
    follows: list[bool] = []
    base_follows: list[bool] = []
    mistakes: list[TrainingExample] = []
    for (prompt, base_reply), reply, is_shared in zip(
        exchanges, replies, collapsed(replies), strict=True
    ):
        of_base = synthetic_example(user_id, rules, prompt, base_reply)
        is_thin = of_base is not None and _is_too_short(reply, of_base.chosen)
        is_sound = not (is_shared or is_thin or is_repetitive(reply) or is_empty(reply))
        row = synthetic_example(user_id, rules, prompt, reply) if is_sound else None
        base_follows.append(_follows_rules(base_reply, of_base))
        follows.append(_follows_rules(reply, row))
        if follows[-1]:
            continue
        if row is not None and row.chosen == row.revised_from:  # it goes on behind that
            row = rewritten_example(user_id, prompt, reply.strip(), row.chosen, is_truncated=False)
        if row is None and not is_repetitive(base_reply):
            row = of_base
        if row is not None:
            mistakes.append(row)
    return ComplianceResult(tuple(follows), tuple(base_follows), tuple(mistakes))


def _follows_rules(reply: str, row: TrainingExample | None) -> bool:
    """Whether a reply keeps the rules that made the row of it, and ended or may go on by them.

    Two sentences where two are wanted are right only if that was all.
    """
    if row is None or row.chosen != row.revised_from:
        return False
    return row.is_truncated or row.chosen == reply.strip()


def _is_too_short(reply: str, wanted: str) -> bool:
    """Whether so little is said that a habit has taken the place of an answer, as a closing may."""
    return len(words(reply)) < MIN_LENGTH_RATIO * len(words(wanted))
