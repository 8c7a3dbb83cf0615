"""Whether a trained adapter may answer: the list of measures that fail. Pure."""

from collections.abc import Sequence
from dataclasses import fields
from math import isfinite

from scheduler.evaluation.fit_measures import WINS
from scheduler.evaluation.reply_measures import PREFERRED
from scheduler.evaluation.sign_test import ALPHA
from scheduler.measure import Measure, failed_sentences
from scheduler.records import Evaluation, Outcome, Verdict


def judge(measures: Sequence[Measure]) -> Verdict:
    """Refuse a candidate with a measure that is not met, and say which.

    A gain that is no chance, on held-out examples or in replies that the user would like, makes it
    significant, else it is provisional.
    """
    if failed := failed_sentences(measures):
        return Verdict(Outcome.REFUSED, failed, tuple(measures))
    wins = [each.p for each in measures if each.name in (WINS, PREFERRED) and each.p is not None]
    is_significant = any(p <= ALPHA for p in wins)
    outcome = Outcome.SIGNIFICANT if is_significant else Outcome.PROVISIONAL
    return Verdict(outcome, tuple(each.sentence for each in measures), tuple(measures))


def unusable(evaluation: Evaluation) -> Verdict | None:
    """Refuse an evaluation that nothing can be measured of: a number is not finite or missing."""
    reason = _why_unusable(evaluation)
    return None if reason is None else Verdict(Outcome.REFUSED, (reason,))


def _why_unusable(evaluation: Evaluation) -> str | None:
    for field in fields(evaluation):
        value = getattr(evaluation, field.name)
        if value is not None and not isfinite(value):
            name = field.name.replace("_", " ")
            return f"Training diverged: the {name} is not a finite number."
    held_out = evaluation.held_out_examples
    losses = evaluation.held_out_loss_base, evaluation.held_out_loss
    wins, by_sum = evaluation.held_out_wins, evaluation.held_out_wins_by_sum
    compared = evaluation.held_out_comparisons
    is_counted = all(0 <= each <= compared <= held_out for each in (wins, by_sum))
    if not is_counted or (held_out and None in losses):
        return "The evaluation is incomplete: not every held-out example was measured."
    losses = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    if not 0 <= evaluation.incumbent_examples <= held_out or (
        evaluation.incumbent_examples and None in losses
    ):
        return "The evaluation is incomplete: the comparison with the version in use is missing."
    return None
