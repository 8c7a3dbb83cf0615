"""Whether a trained adapter may answer, and the sentences that say why.

Pure. A candidate must stay close to the base on unrelated prompts, must not loop, fall silent, say
one thing to everything or the prompt again, and must predict judgements it never saw better than
the base does.
Where those are enough, it must do so better than the base with the user's rows in its prompt, too.
It counts as proven only when an exact one-sided sign test over those judgements is significant. Not
worse, but not significant, is provisional while the judgements are too few to prove much.
"""

from dataclasses import dataclass, fields
from math import isfinite

from feedback.text.counts import count
from scheduler.records import Evaluation, GateConfig, Outcome, Verdict
from scheduler.sign_test import chance_of_wins

ALPHA = 0.1
"""Significance level of the sign tests: 7 wins of 8, or 9 of 10, are proof. There are two, of means
per token and of sums, so that each has half of it (Bonferroni)."""

MAX_COMPLIANCE_LOST = 1
"""By this many fewer of the tried replies may keep the user's rules than of the base's: chance."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class _DegenerationMeasure:
    """A share of the replies to unrelated prompts; `base` and `candidate` are in 0..1."""

    reproach: str
    what: str
    base: float
    candidate: float
    max_increase: float

    @property
    def shares(self) -> str:
        return (
            f"{self.candidate:.0%} of its replies {self.what},"
            f" {self.base:.0%} of the base model's do"
        )


def judge(evaluation: Evaluation, config: GateConfig) -> Verdict:
    """Decide whether a candidate may answer, with reasons that hold the numbers."""
    unusable = _unusable(evaluation)
    if unusable is not None:
        return Verdict(Outcome.REFUSED, (unusable,))
    objections = (
        *_training_failures(evaluation, config),
        *_drift_failures(evaluation, config),
        *_degeneration_failures(evaluation, config),
        *_held_out_failures(evaluation, config),
        *_few_shot_failures(evaluation, config),
        *_compliance_failures(evaluation, config),
        *_incumbent_failures(evaluation, config),
    )
    if objections:
        return Verdict(Outcome.REFUSED, objections)
    outcome, proof = _significance(evaluation, config)
    return Verdict(outcome, (proof, *_findings(evaluation, config)))


def _unusable(evaluation: Evaluation) -> str | None:
    for field in fields(evaluation):
        value = getattr(evaluation, field.name)
        if value is not None and not isfinite(value):
            name = field.name.replace("_", " ")
            return f"Training diverged: the {name} is not a finite number."
    rows = evaluation.held_out_examples
    losses = evaluation.held_out_loss_base, evaluation.held_out_loss
    wins, by_sum = evaluation.held_out_wins, evaluation.held_out_wins_by_sum
    compared = evaluation.held_out_comparisons
    is_counted = all(0 <= each <= compared <= rows for each in (wins, by_sum))
    if not is_counted or (rows and None in losses):
        return "The evaluation is incomplete: not every held-out judgement was measured."
    losses = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    if not 0 <= evaluation.incumbent_examples <= rows or (
        evaluation.incumbent_examples and None in losses
    ):
        return "The evaluation is incomplete: the comparison with the version in use is missing."
    return None


def _training_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    left = max(evaluation.train_loss_after, evaluation.added_loss or 0.0)
    if left > config.max_train_loss + _ROUNDING:
        return (
            f"It has not learned what it was taught: {left:.3f} nats per"
            f" token, allowed {config.max_train_loss:.3f}. Is that text in a language that the base"
            " model knows?",
        )
    if evaluation.train_loss_after < evaluation.train_loss_before:
        return ()
    return (
        f"Training did not lower the loss on the judged replies:"
        f" {evaluation.train_loss_before:.3f} before,"
        f" {evaluation.train_loss_after:.3f} after {count(evaluation.steps, 'step')}.",
    )


def _drift_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    if evaluation.reference_kl <= config.max_reference_kl + _ROUNDING:
        return ()
    return (
        f"It drifts too far from the base model on unrelated prompts:"
        f" KL {evaluation.reference_kl:.3f} nats per token, allowed {config.max_reference_kl:.3f}.",
    )


def _degeneration_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    return tuple(
        f"{fault.reproach}: {fault.shares}; at most {fault.max_increase:.0%} more are allowed."
        for fault in _degeneration_measures(evaluation, config)
        if fault.candidate - fault.base > fault.max_increase + _ROUNDING
    )


def _degeneration_measures(
    evaluation: Evaluation, config: GateConfig
) -> tuple[_DegenerationMeasure, ...]:
    """None before the candidate has been tried."""
    measured = (
        (
            "It repeats itself",
            "loop",
            evaluation.repetition_base,
            evaluation.repetition_candidate,
            config.max_repetition_increase,
        ),
        (
            "It says the same to everything",
            "mostly repeat other replies",
            evaluation.collapse_base,
            evaluation.collapse_candidate,
            config.max_collapse_increase,
        ),
        (
            "It says what it was asked",
            "mostly repeat the prompt",
            evaluation.echo_base,
            evaluation.echo_candidate,
            config.max_echo_increase,
        ),
        (
            "It falls silent",
            "say nothing",
            evaluation.empty_base,
            evaluation.empty_candidate,
            config.max_empty_increase,
        ),
    )
    return tuple(
        _DegenerationMeasure(reproach, what, base, candidate, bound)
        for reproach, what, base, candidate, bound in measured
        if base is not None and candidate is not None
    )


def _held_out_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    rows, compared = evaluation.held_out_examples, evaluation.held_out_comparisons
    wins, chance = _best_wins(evaluation), _chance_of_gain(evaluation)
    base, proof = evaluation.held_out_loss_base, evaluation.held_out_loss
    if rows < config.min_held_out_for_significance and _complies_more(evaluation):
        return ()  # a few losses say less than what it writes
    objections = []
    if base is not None and proof is not None and proof >= base:
        objections.append(
            f"It is no better than the base model on {count(rows, 'judgement')} that it was not"
            f" trained on: loss {proof:.3f}, base {base:.3f}."
        )
    if rows and chance_of_wins(compared - wins, compared) <= ALPHA:
        objections.append(
            f"It is worse than the base model on most judgements that it was not trained on:"
            f" better on {wins} of {compared} only."
        )
    elif _must_be_significant(evaluation, config) and chance > ALPHA:
        objections.append(
            f"It beats the base model on only {_score(evaluation)} that it was not trained on,"
            f" which chance alone does {_how_often(chance, 0)}."
        )
    return tuple(objections)


def _must_be_significant(evaluation: Evaluation, config: GateConfig) -> bool:
    """Whether not worse is not enough: chance passes that half of the time."""
    if evaluation.held_out_examples < config.min_held_out_for_significance:
        return False
    if evaluation.held_out_comparisons >= config.provisional_below:
        return True
    return not _complies_more(evaluation)


def _best_wins(evaluation: Evaluation) -> int:
    return max(evaluation.held_out_wins, evaluation.held_out_wins_by_sum)


def _chance_of_gain(evaluation: Evaluation) -> float:
    """How likely chance alone is to win as often at most, 0..1, by means per token or by sums."""
    chance = chance_of_wins(_best_wins(evaluation), evaluation.held_out_comparisons)
    return min(1.0, 2 * chance)


def _score(evaluation: Evaluation) -> str:
    compared = evaluation.held_out_comparisons
    wins, by_sum = evaluation.held_out_wins, evaluation.held_out_wins_by_sum
    noun = "judgement" if compared == evaluation.held_out_examples else "comparison"
    # Only what differs needs a second number.
    summed = "" if by_sum == wins else f" ({by_sum} where length counts)"
    return f"{wins} of {count(compared, noun)}{summed}"


def _complies_more(evaluation: Evaluation) -> bool:
    """Whether more of its replies keep the user's rules than of the base's: rules stand on
    judgements that agree, so that was not learned from chance."""
    return evaluation.compliance > evaluation.base_compliance


def _few_shot_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    memory, proof = evaluation.held_out_loss_few_shot, evaluation.held_out_loss
    rows = evaluation.held_out_examples
    if (
        memory is None
        or proof is None
        or rows < config.min_held_out_for_significance
        or proof < memory
    ):
        return ()
    return (
        f"It is no better than the base model with earlier exchanges in its prompt, on"
        f" {count(rows, 'judgement')}: loss {proof:.3f}, with memory {memory:.3f}.",
    )


def _compliance_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    """Fewer replies by the user's rules than the base's, or no more than memory alone brings; who
    keeps them always cannot do better."""
    kept, by_base = evaluation.compliance, evaluation.base_compliance
    prompts = count(evaluation.num_probes, "prompt")
    objections = []
    if by_base - kept > MAX_COMPLIANCE_LOST:
        objections.append(
            f"It unlearns what the user's judgements show: it replies so to {kept} of {prompts}"
            f" that it was not taught, the base model to {by_base}."
        )
    by_memory = evaluation.base_compliance_with_few_shot or 0
    best = max(kept, evaluation.compliance_with_few_shot or 0)
    is_compared = evaluation.held_out_examples >= config.min_held_out_for_significance
    if is_compared and by_memory and best <= by_memory and best < evaluation.num_probes:
        objections.append(
            "With earlier exchanges in its prompt the base model replies as the user's judgements"
            f" show to {by_memory} of {prompts}, and it to {best}: memory alone does as well."
        )
    return tuple(objections)


def _incumbent_failures(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    incumbent, proof = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    if incumbent is None or proof is None:
        return ()
    if evaluation.incumbent_examples < config.min_held_out_for_significance:
        return ()  # two fits of the same rows differ by more on so few
    if proof <= incumbent + config.max_incumbent_loss_increase + _ROUNDING:
        return ()
    return (
        f"It is worse than the version in use on {count(evaluation.incumbent_examples, 'judgement')}"
        f" that neither was trained on: loss {proof:.3f}, in use {incumbent:.3f}.",
    )


def _significance(evaluation: Evaluation, config: GateConfig) -> tuple[Outcome, str]:
    compared = evaluation.held_out_comparisons
    if compared == 0:
        return Outcome.PROVISIONAL, "No judgement was held out, so a gain is not proven."
    score = f"It beats the base model on {_score(evaluation)} it was not trained on"
    if compared < config.min_held_out_for_significance:
        return (
            Outcome.PROVISIONAL,
            f"{score}; proof needs at least {config.min_held_out_for_significance}.",
        )
    chance = _chance_of_gain(evaluation)
    if chance > ALPHA:
        return (
            Outcome.PROVISIONAL,
            f"{score}, which chance alone does {_how_often(chance, 0)}: not proof.",
        )
    return Outcome.SIGNIFICANT, f"{score}, which chance alone does {_how_often(chance, 1)}."


def _how_often(chance: float, digits: int) -> str:
    return f"at most {chance:.{digits}%} of the time" if chance < 1 else "as well"


def _findings(evaluation: Evaluation, config: GateConfig) -> tuple[str, ...]:
    base, proof = evaluation.held_out_loss_base, evaluation.held_out_loss
    memory = evaluation.held_out_loss_few_shot
    incumbent, rematch = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    findings = []
    if base is not None and proof is not None:
        findings.append(f"There the loss fell from {base:.3f} to {proof:.3f}.")
    if evaluation.num_probes:
        findings.append(
            f"To {evaluation.compliance} of {count(evaluation.num_probes, 'prompt')} that it was not"
            f" taught it replies as the user's judgements show, the base model to"
            f" {evaluation.base_compliance}."
        )
    if evaluation.compliance_with_few_shot is not None:
        findings.append(
            f"With earlier exchanges in its prompt it does so to {evaluation.compliance_with_few_shot}."
        )
    if evaluation.base_compliance_with_few_shot is not None:
        findings.append(
            f"With them and without an adapter the base does to {evaluation.base_compliance_with_few_shot}."
        )
    if memory is not None:
        findings.append(f"Memory alone, without an adapter, has {memory:.3f} there.")
    if incumbent is not None and rematch is not None:
        findings.append(
            f"On {count(evaluation.incumbent_examples, 'judgement')} that the version in use has not"
            f" seen either, the loss is {rematch:.3f}; in use {incumbent:.3f}."
        )
    findings.append(
        f"On unrelated prompts it stays close to the base model:"
        f" KL {evaluation.reference_kl:.3f} nats per token, allowed {config.max_reference_kl:.3f}."
    )
    findings.extend(f"{fault.shares}." for fault in _degeneration_measures(evaluation, config))
    return tuple(findings)
