"""Whether a trained adapter may answer, and the sentences that say why. Pure.

A candidate must stay close to the base on unrelated prompts, without loops, collapse, echoes and
empty replies. It must predict held-out feedback better than the base and, if there is enough,
better than the base with few-shot examples. An exact one-sided sign test says whether its gain is
significant. Without significance it is provisional, if there is too little feedback to show more.
"""

from dataclasses import dataclass, fields
from math import isfinite

from feedback.text.counts import count
from scheduler.records import Evaluation, GateConfig, Outcome, Verdict
from scheduler.sign_test import chance_of_wins, p_value

ALPHA = 0.1
"""Significance level of the sign tests: 7 wins of 8, or 9 of 10. There are two tests, of means per
token and of sums, and each has half of the level (Bonferroni)."""

MAX_COMPLIANCE_LOST = 1
"""The candidate may follow the user's rules on this many fewer probe prompts than the base."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class _DegenerationMeasure:
    """A share of the replies to unrelated prompts; `base` and `candidate` are in 0..1."""

    message: str
    verb: str
    base: float
    candidate: float
    max_increase: float

    @property
    def shares(self) -> str:
        return f"{self.candidate:.0%} of its replies {self.verb} (base model: {self.base:.0%})"


def judge(evaluation: Evaluation, config: GateConfig) -> Verdict:
    """Decide whether a candidate may answer, with reasons that hold the numbers."""
    unusable = _unusable(evaluation)
    if unusable is not None:
        return Verdict(Outcome.REFUSED, (unusable,))
    failed_checks = (
        *_training_failures(evaluation, config),
        *_drift_failures(evaluation, config),
        *_degeneration_failures(evaluation, config),
        *_held_out_failures(evaluation, config),
        *_few_shot_failures(evaluation, config),
        *_compliance_failures(evaluation, config),
        *_incumbent_failures(evaluation, config),
    )
    if failed_checks:
        return Verdict(Outcome.REFUSED, failed_checks)
    outcome, gain = _significance(evaluation, config)
    return Verdict(outcome, (gain, *_measures(evaluation, config)))


def _unusable(evaluation: Evaluation) -> str | None:
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


def _training_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    left = max(evaluation.train_loss_after, evaluation.added_loss or 0.0)
    if left > config.max_train_loss + _ROUNDING:
        return (
            f"It did not learn its training examples: {left:.3f} nats per token, at most"
            f" {config.max_train_loss:.3f} allowed. Does the base model know their language?",
        )
    if evaluation.train_loss_after < evaluation.train_loss_before:
        return ()
    return (
        f"Training did not lower the loss: {evaluation.train_loss_before:.3f} before,"
        f" {evaluation.train_loss_after:.3f} after {count(evaluation.steps, 'step')}.",
    )


def _drift_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    if evaluation.reference_kl <= config.max_reference_kl + _ROUNDING:
        return ()
    return (
        f"It drifts too far from the base model on unrelated prompts: {_kl(evaluation, config)}",
    )


def _kl(evaluation: Evaluation, config: GateConfig) -> str:
    return (
        f"KL {evaluation.reference_kl:.3f} nats per token,"
        f" at most {config.max_reference_kl:.3f} allowed."
    )


def _degeneration_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    return tuple(
        f"{each.message}: {each.shares}; at most {each.max_increase:.0%} more allowed."
        for each in _degeneration_measures(evaluation, config)
        if each.candidate - each.base > each.max_increase + _ROUNDING
    )


def _degeneration_measures(
    evaluation: Evaluation, config: GateConfig
) -> tuple[_DegenerationMeasure, ...]:
    """Empty until the candidate has replied to unrelated prompts."""
    e = evaluation
    repetition = e.repetition_base, e.repetition_candidate, config.max_repetition_increase
    collapse = e.collapse_base, e.collapse_candidate, config.max_collapse_increase
    echo = e.echo_base, e.echo_candidate, config.max_echo_increase
    empty = e.empty_base, e.empty_candidate, config.max_empty_increase
    measured = (
        ("It repeats itself", "loop", *repetition),
        ("Its replies are too alike", "mostly repeat other replies", *collapse),
        ("It echoes the prompt", "mostly repeat the prompt", *echo),
        ("It gives empty replies", "are empty", *empty),
    )
    return tuple(
        _DegenerationMeasure(message, verb, base, candidate, max_increase)
        for message, verb, base, candidate, max_increase in measured
        if base is not None and candidate is not None
    )


def _held_out_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    held_out, compared = evaluation.held_out_examples, evaluation.held_out_comparisons
    wins, chance = _best_wins(evaluation), _chance_of_gain(evaluation)
    base, loss = evaluation.held_out_loss_base, evaluation.held_out_loss
    if held_out < config.min_held_out_for_significance and _complies_more(evaluation):
        return ()  # its replies say more than a few losses
    failures = []
    if base is not None and loss is not None and loss >= base:
        failures.append(
            f"It is no better than the base model on {count(held_out, 'held-out example')}:"
            f" loss {loss:.3f}, base {base:.3f}."
        )
    if held_out and chance_of_wins(compared - wins, compared) <= ALPHA:
        failures.append(
            "It is worse than the base model on most held-out examples:"
            f" better on only {wins} of {compared}."
        )
    elif _must_be_significant(evaluation, config) and chance > ALPHA:
        failures.append(
            f"It beats the base model on only {_score(evaluation)}: {_reading(chance)}."
        )
    return tuple(failures)


def _must_be_significant(evaluation: Evaluation, config: GateConfig) -> bool:
    """Whether "not worse" is not enough: half of all useless candidates are not worse."""
    if evaluation.held_out_examples < config.min_held_out_for_significance:
        return False
    if evaluation.held_out_comparisons >= config.provisional_below:
        return True
    return not _complies_more(evaluation)


def _best_wins(evaluation: Evaluation) -> int:
    return max(evaluation.held_out_wins, evaluation.held_out_wins_by_sum)


def _chance_of_gain(evaluation: Evaluation) -> float:
    """Upper bound in 0..1 for the chance of so many wins, by means per token or by sums."""
    chance = chance_of_wins(_best_wins(evaluation), evaluation.held_out_comparisons)
    return min(1.0, 2 * chance)


def _reading(chance: float) -> str:
    if chance <= ALPHA:
        return f"significant ({p_value(chance)})"
    return f"{'not significant' if chance < 1 else 'no better than chance'} ({p_value(chance)})"


def _score(evaluation: Evaluation) -> str:
    compared = evaluation.held_out_comparisons
    wins, by_sum = evaluation.held_out_wins, evaluation.held_out_wins_by_sum
    noun = "example" if compared == evaluation.held_out_examples else "comparison"
    # Only a difference needs a second number.
    summed = "" if by_sum == wins else f" ({by_sum} if length counts)"
    return f"{wins} of {count(compared, f'held-out {noun}')}{summed}"


def _complies_more(evaluation: Evaluation) -> bool:
    """Whether it follows the user's rules more often than the base. That is no accident: rules
    come from feedback that agrees."""
    return evaluation.compliance > evaluation.base_compliance


def _few_shot_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    few_shot, loss = evaluation.held_out_loss_few_shot, evaluation.held_out_loss
    held_out = evaluation.held_out_examples
    if few_shot is None or loss is None or loss < few_shot:
        return ()
    if held_out < config.min_held_out_for_significance:
        return ()
    return (
        "It is no better than the base model with a few-shot prompt on"
        f" {count(held_out, 'held-out example')}: loss {loss:.3f}, few-shot {few_shot:.3f}.",
    )


def _compliance_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    """Refuses a candidate that follows the user's rules less often than the base, or no more often
    than the base with few-shot examples. A candidate that always follows them passes."""
    compliance, by_base = evaluation.compliance, evaluation.base_compliance
    prompts = count(evaluation.num_probes, "probe prompt")
    failures = []
    if by_base - compliance > MAX_COMPLIANCE_LOST:
        failures.append(
            f"It unlearns the user's rules: it follows them on {compliance} of {prompts},"
            f" the base model on {by_base}."
        )
    by_few_shot = evaluation.base_compliance_with_few_shot or 0
    best = max(compliance, evaluation.compliance_with_few_shot or 0)
    is_compared = evaluation.held_out_examples >= config.min_held_out_for_significance
    if is_compared and by_few_shot and best <= by_few_shot and best < evaluation.num_probes:
        failures.append(
            "The base model with a few-shot prompt follows the user's rules on"
            f" {by_few_shot} of {prompts}, it on {best}: the few-shot prompt is enough."
        )
    return tuple(failures)


def _incumbent_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    incumbent, loss = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    if incumbent is None or loss is None:
        return ()
    if evaluation.incumbent_examples < config.min_held_out_for_significance:
        return ()  # on so few, two fits of the same examples differ by more
    if loss <= incumbent + config.max_incumbent_loss_increase + _ROUNDING:
        return ()
    return (
        "It is worse than the version in use on"
        f" {count(evaluation.incumbent_examples, 'example')} that neither was trained on:"
        f" loss {loss:.3f}, in use {incumbent:.3f}.",
    )


def _significance(evaluation: Evaluation, config: GateConfig) -> tuple[Outcome, str]:
    compared = evaluation.held_out_comparisons
    if compared == 0:
        return Outcome.PROVISIONAL, "No example was held out, so a gain cannot be significant."
    score = f"It beats the base model on {_score(evaluation)}"
    needed = config.min_held_out_for_significance
    if compared < needed:
        return Outcome.PROVISIONAL, f"{score}; significance needs at least {needed}."
    chance = _chance_of_gain(evaluation)
    outcome = Outcome.PROVISIONAL if chance > ALPHA else Outcome.SIGNIFICANT
    return outcome, f"{score}: {_reading(chance)}."


def _measures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    base, loss = evaluation.held_out_loss_base, evaluation.held_out_loss
    few_shot = evaluation.held_out_loss_few_shot
    incumbent, own = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    with_few_shot = evaluation.compliance_with_few_shot
    base_with_few_shot = evaluation.base_compliance_with_few_shot
    found = []
    if base is not None and loss is not None:
        found.append(f"The loss on held-out feedback went from {base:.3f} to {loss:.3f}.")
    if evaluation.num_probes:
        found.append(
            f"It follows the user's rules on {evaluation.compliance} of"
            f" {count(evaluation.num_probes, 'probe prompt')},"
            f" the base model on {evaluation.base_compliance}."
        )
    if with_few_shot is not None:
        found.append(f"With a few-shot prompt it does so on {with_few_shot}.")
    if base_with_few_shot is not None:
        found.append(f"With a few-shot prompt the base model does so on {base_with_few_shot}.")
    if few_shot is not None:
        found.append(
            f"The held-out loss of the base model with a few-shot prompt is {few_shot:.3f}."
        )
    if incumbent is not None and own is not None:
        found.append(
            f"On {count(evaluation.incumbent_examples, 'example')} that the version in use has not"
            f" seen either, its loss is {own:.3f}; in use {incumbent:.3f}."
        )
    found.append(
        f"On unrelated prompts it stays close to the base model: {_kl(evaluation, config)}"
    )
    found.extend(f"{each.shares}." for each in _degeneration_measures(evaluation, config))
    return tuple(found)
