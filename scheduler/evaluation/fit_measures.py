"""The measures of an adapter that learned examples: its losses, its compliance, its drift. Pure.

It must predict held-out feedback better than the base and, if there is enough, better than the base
with few-shot examples. An exact one-sided sign test says whether its gain is significant. Without
significance it passes if there is too little feedback to show more.
"""

from feedback.text.counts import count
from scheduler.evaluation.sign_test import ALPHA, chance_of_wins, reading
from scheduler.measure import Measure
from scheduler.records import Evaluation, GateConfig

WINS = "held-out wins"
MAX_COMPLIANCE_LOST = 1
"""The candidate may follow the user's rules on this many fewer probe prompts than the base."""

_ROUNDING = 1e-9


def fit_measures(
    evaluation: Evaluation, config: GateConfig, num_reference: int
) -> tuple[Measure, ...]:
    """All measures of a complete evaluation; drift is that on `num_reference` replies."""
    found = (
        _wins(evaluation, config),
        _held_out_loss(evaluation, config),
        _compliance(evaluation, config),
        _incumbent(evaluation, config),
        _training(evaluation, config),
        _drift(evaluation, config, num_reference),
    )
    return tuple(each for each in found if each is not None)


def _wins(evaluation: Evaluation, config: GateConfig) -> Measure:
    compared, needed = evaluation.held_out_comparisons, config.min_held_out_for_significance
    wins = max(evaluation.held_out_wins, evaluation.held_out_wins_by_sum)
    chance = _chance_of_gain(wins, compared)
    score = f"It beats the base model on {_score(evaluation)}"
    if not compared:
        sentence = "No example was held out, so a gain cannot be significant."
    elif compared < needed:
        sentence = f"{score}; significance needs at least {needed}."
    else:
        sentence = f"{score}: {reading(chance)}."
    enough = (each for each in range(compared + 1) if _are_enough(each, evaluation, config))
    fewest = next(enough, compared + 1)  # so few comparisons can show nothing
    return Measure(
        name=WINS,
        candidate=wins,
        base=None,
        memory=None,
        n=compared,
        bound=fewest,
        is_met=wins >= fewest,
        sentence=sentence,
        p=chance if compared >= needed else None,
    )


def _are_enough(wins: int, evaluation: Evaluation, config: GateConfig) -> bool:
    compared = evaluation.held_out_comparisons
    if _is_excused(evaluation, config):
        return True
    if _must_be_significant(evaluation, config):
        return _chance_of_gain(wins, compared) <= ALPHA
    return chance_of_wins(compared - wins, compared) > ALPHA


def _chance_of_gain(wins: int, compared: int) -> float:
    """Upper bound in 0..1 for the chance of so many wins, by means per token or by sums."""
    return min(1.0, 2 * chance_of_wins(wins, compared))


def _must_be_significant(evaluation: Evaluation, config: GateConfig) -> bool:
    """Whether "not worse" is not enough: half of all useless candidates are not worse."""
    if evaluation.held_out_examples < config.min_held_out_for_significance:
        return False
    if evaluation.held_out_comparisons >= config.provisional_below:
        return True
    return not _complies_more(evaluation)


def _is_excused(evaluation: Evaluation, config: GateConfig) -> bool:
    """Whether its replies say more than a few losses."""
    few = evaluation.held_out_examples < config.min_held_out_for_significance
    return few and _complies_more(evaluation)


def _complies_more(evaluation: Evaluation) -> bool:
    """Whether it follows the user's rules more often than the base. That is no accident: rules
    come from feedback that agrees."""
    return evaluation.compliance > evaluation.base_compliance


def _score(evaluation: Evaluation) -> str:
    compared = evaluation.held_out_comparisons
    wins, by_sum = evaluation.held_out_wins, evaluation.held_out_wins_by_sum
    noun = "example" if compared == evaluation.held_out_examples else "comparison"
    # Only a difference needs a second number.
    summed = "" if by_sum == wins else f" ({by_sum} if length counts)"
    return f"{wins} of {count(compared, f'held-out {noun}')}{summed}"


def _held_out_loss(evaluation: Evaluation, config: GateConfig) -> Measure | None:
    base, loss = evaluation.held_out_loss_base, evaluation.held_out_loss
    few_shot, n = evaluation.held_out_loss_few_shot, evaluation.held_out_examples
    if base is None or loss is None:
        return None
    is_compared = few_shot is not None and n >= config.min_held_out_for_significance
    bound = min(base, few_shot) if few_shot is not None and is_compared else base
    with_few_shot = "" if few_shot is None else f", with a few-shot prompt {few_shot:.3f}"
    return Measure(
        name="held-out loss",
        candidate=loss,
        base=base,
        memory=few_shot,
        n=n,
        bound=bound,
        is_met=loss < bound or _is_excused(evaluation, config),
        sentence=(
            f"Its loss on {count(n, 'held-out example')} is {loss:.3f}; that of the base model"
            f" {base:.3f}{with_few_shot}."
        ),
    )


def _compliance(evaluation: Evaluation, config: GateConfig) -> Measure | None:
    """Refuses a candidate that follows the user's rules less often than the base or memory alone.

    If enough was held out to show a gain, it must follow them more often than memory alone. One
    that always follows them passes.
    """
    n, own, by_base = evaluation.num_probes, evaluation.compliance, evaluation.base_compliance
    if not n:
        return None
    beside = evaluation.compliance_with_few_shot
    by_few_shot = evaluation.base_compliance_with_few_shot
    bound = by_base - MAX_COMPLIANCE_LOST
    is_compared = evaluation.held_out_examples >= config.min_held_out_for_significance
    gain = 1 if is_compared else -MAX_COMPLIANCE_LOST
    is_enough = not by_few_shot or evaluation.compliance_as_served >= min(by_few_shot + gain, n)
    few_shot = "" if beside is None else f", with a few-shot prompt on {beside}"
    base_few_shot = "" if by_few_shot is None else f", with a few-shot prompt on {by_few_shot}"
    return Measure(
        name="compliance",
        candidate=own,
        base=by_base,
        memory=by_few_shot,
        n=n,
        bound=bound,
        is_met=own >= bound and is_enough,
        sentence=(
            f"It follows the user's rules on {own} of {count(n, 'probe prompt')}{few_shot}; the"
            f" base model on {by_base}{base_few_shot}."
        ),
    )


def _incumbent(evaluation: Evaluation, config: GateConfig) -> Measure | None:
    incumbent, loss = evaluation.incumbent_loss, evaluation.loss_on_incumbent_examples
    n = evaluation.incumbent_examples
    if incumbent is None or loss is None:
        return None
    bound = incumbent + config.max_incumbent_loss_increase
    # On so few, two fits of the same examples differ by more.
    is_few = n < config.min_held_out_for_significance
    return Measure(
        name="loss beside the version in use",
        candidate=loss,
        base=None,
        memory=None,
        n=n,
        bound=bound,
        is_met=is_few or loss <= bound + _ROUNDING,
        sentence=(
            f"Its loss on {count(n, 'example')} that the version in use has not seen either is"
            f" {loss:.3f}; that of the version in use {incumbent:.3f}."
        ),
    )


def _training(evaluation: Evaluation, config: GateConfig) -> Measure:
    before, after = evaluation.train_loss_before, evaluation.train_loss_after
    added, bound = evaluation.added_loss, config.max_train_loss
    left = max(after, added or 0.0)
    last = "" if added is None else f", and left {added:.3f} on the examples that were added last"
    return Measure(
        name="training loss",
        candidate=left,
        base=before,
        memory=None,
        n=evaluation.steps,
        bound=bound,
        is_met=after < before and left <= bound + _ROUNDING,
        sentence=(
            f"{count(evaluation.steps, 'step')} of training took the loss from {before:.3f} to"
            f" {after:.3f} nats per token{last}; at most {bound:.3f} may be left."
        ),
    )


def _drift(evaluation: Evaluation, config: GateConfig, num_reference: int) -> Measure:
    return Measure(
        name="drift",
        candidate=evaluation.reference_kl,
        base=0.0,
        memory=None,
        n=num_reference,
        bound=config.max_reference_kl,
        is_met=evaluation.reference_kl <= config.max_reference_kl + _ROUNDING,
        sentence=(
            "On unrelated prompts it drifts from the base model by"
            f" {evaluation.reference_kl:.3f} nats per token (KL); at most"
            f" {config.max_reference_kl:.3f} allowed."
        ),
    )
