"""Whether a trained adapter may answer, and the sentences that say why."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.fit_measures import fit_measures
from scheduler.evaluation.gate import judge, unusable
from scheduler.evaluation.sign_test import ALPHA, chance_of_wins
from scheduler.records import Evaluation, GateConfig, Outcome, Verdict
from tests.scheduler.evaluations import GOOD, good, without_held_out

CONFIG = GateConfig(max_reference_kl=0.5)


@st.composite
def evaluations(draw: st.DrawFn) -> Evaluation:
    held_out = draw(st.integers(0, 30))
    unseen = draw(st.integers(0, held_out))
    compared = draw(st.integers((held_out + 1) // 2, held_out))
    loss = st.floats(0, 5)
    return Evaluation(
        held_out_examples=held_out,
        held_out_comparisons=compared,
        held_out_wins=draw(st.integers(0, compared)),
        held_out_wins_by_sum=draw(st.integers(0, compared)),
        held_out_loss_base=draw(loss) if held_out else None,
        held_out_loss=draw(loss) if held_out else None,
        held_out_loss_few_shot=draw(loss) if held_out else None,
        incumbent_examples=unseen,
        incumbent_loss=draw(loss) if unseen else None,
        loss_on_incumbent_examples=draw(loss) if unseen else None,
        reference_kl=draw(st.floats(0, 1)),
        train_loss_before=draw(loss),
        train_loss_after=draw(loss),
        added_loss=draw(loss | st.none()),
        steps=draw(st.integers(0, 40)),
    )


def verdict_of(evaluation: Evaluation, config: GateConfig = CONFIG) -> Verdict:
    return unusable(evaluation) or judge(fit_measures(evaluation, config, 12))


def refusal(evaluation: Evaluation) -> str:
    verdict = verdict_of(evaluation)
    assert verdict.outcome is Outcome.REFUSED
    return " ".join(verdict.reasons)


def test_a_gain_on_most_held_out_examples_is_significant() -> None:
    verdict = verdict_of(GOOD)
    assert verdict.outcome is Outcome.SIGNIFICANT
    assert verdict.reasons[0] == (
        "It beats the base model on 7 of 8 held-out examples: significant (p = 0.07)."
    )


def test_no_lower_loss_than_with_a_few_shot_prompt_is_refused() -> None:
    assert "with a few-shot prompt 1.500" in refusal(good(held_out_loss_few_shot=1.5))


def test_no_better_compliance_than_with_a_few_shot_prompt_is_refused() -> None:
    probed = good(num_probes=12, compliance=8, base_compliance_with_few_shot=8)
    assert "the base model on 0, with a few-shot prompt on 8" in refusal(probed)
    few = replace(probed, held_out_examples=4, held_out_comparisons=4, held_out_wins=4)
    few = replace(few, held_out_wins_by_sum=4, incumbent_examples=4)
    assert verdict_of(few).outcome is Outcome.PROVISIONAL
    with_few_shot = replace(probed, compliance_with_few_shot=9)
    assert verdict_of(with_few_shot).outcome is Outcome.SIGNIFICANT
    assert (
        verdict_of(replace(probed, base_compliance_with_few_shot=7)).outcome is Outcome.SIGNIFICANT
    )


def test_lower_compliance_than_the_base_is_refused() -> None:
    probed = good(num_probes=12, compliance=9, base_compliance=11)
    assert "user's rules on 9 of 12 probe prompts; the base model on 11" in refusal(probed)
    assert verdict_of(replace(probed, base_compliance=10)).outcome is Outcome.SIGNIFICANT


def test_a_perfect_compliance_passes_the_few_shot_check_and_so_does_a_useless_few_shot_prompt() -> (
    None
):
    always = good(num_probes=12, compliance=12, base_compliance_with_few_shot=12)
    never = good(num_probes=12, compliance=0, base_compliance_with_few_shot=0)
    assert verdict_of(always).outcome is verdict_of(never).outcome is Outcome.SIGNIFICANT


def test_too_few_held_out_examples_do_not_count_for_the_few_shot_prompt() -> None:
    few = good(
        held_out_examples=4, held_out_wins=4, held_out_loss_few_shot=0.1, incumbent_examples=4
    )
    assert verdict_of(few).outcome is Outcome.PROVISIONAL


def test_a_few_losses_do_not_refuse_higher_compliance() -> None:
    few = good(
        held_out_examples=1,
        held_out_wins=0,
        held_out_loss=2.1,
        held_out_loss_few_shot=None,
        incumbent_examples=0,
        incumbent_loss=None,
        loss_on_incumbent_examples=None,
    )
    assert "is 2.100; that of the base model 2.000" in refusal(few)
    probed = replace(few, num_probes=12, compliance=9, base_compliance=2)
    verdict = verdict_of(probed)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert (
        "It follows the user's rules on 9 of 12 probe prompts; the base model on 2."
        in verdict.reasons
    )
    assert (
        "Its loss on 1 held-out example is 2.100; that of the base model 2.000." in verdict.reasons
    )
    as_often = replace(few, num_probes=12, compliance=9, base_compliance=9)
    assert verdict_of(as_often).outcome is Outcome.REFUSED


def test_training_examples_that_are_still_unlikely_were_not_learned() -> None:
    added = good(added_loss=4.5)
    assert "left 4.500 on the examples that were added last" in refusal(added)
    nonsense = good(train_loss_before=5.1, train_loss_after=4.5)
    assert "at most 3.500 may be left" in refusal(nonsense)
    assert verdict_of(good(train_loss_before=5.1, train_loss_after=3.5)).outcome is not (
        Outcome.REFUSED
    )


def test_many_losses_outweigh_compliance() -> None:
    many = good(held_out_wins=1, held_out_loss=2.1, num_probes=12, compliance=12)
    assert "It beats the base model on 1 of 8 held-out examples" in refusal(many)


def test_an_insignificant_gain_is_refused_except_with_higher_compliance() -> None:
    by_chance = good(held_out_examples=7, held_out_wins=5)
    assert "not significant (p = 0.45)" in refusal(by_chance)
    as_often = replace(by_chance, num_probes=12, compliance=9, base_compliance=9)
    assert "not significant (p = 0.45)" in refusal(as_often)
    probed = replace(by_chance, num_probes=12, compliance=9, base_compliance=2)
    verdict = verdict_of(probed)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0].endswith("held-out examples: not significant (p = 0.45).")


def test_an_insignificant_gain_on_many_held_out_examples_is_refused() -> None:
    assert refusal(good(held_out_wins=5)) == (
        "It beats the base model on 5 of 8 held-out examples: not significant (p = 0.73)."
    )
    assert refusal(good(held_out_wins=4)).endswith(": no better than chance (p = 1.0).")
    compliant = good(held_out_wins=5, num_probes=12, compliance=9, base_compliance=2)
    assert verdict_of(compliant).outcome is Outcome.REFUSED
    assert (
        verdict_of(compliant, replace(CONFIG, provisional_below=9)).outcome is Outcome.PROVISIONAL
    )


def test_a_gain_by_sums_alone_is_a_gain() -> None:
    shorter = good(held_out_examples=5, held_out_wins=3, held_out_wins_by_sum=5)
    verdict = verdict_of(shorter)
    assert verdict.outcome is Outcome.SIGNIFICANT
    assert verdict.reasons[0] == (
        "It beats the base model on 3 of 5 held-out examples (5 if length counts):"
        " significant (p = 0.062)."
    )
    worse = good(held_out_wins=1, held_out_wins_by_sum=7)
    assert verdict_of(worse).outcome is Outcome.SIGNIFICANT


def test_likes_and_dislikes_give_fewer_comparisons_than_as_many_pairs() -> None:
    ratings = good(held_out_examples=5, held_out_comparisons=2, held_out_wins=2)
    assert "2 of 2 held-out comparisons" in refusal(ratings)
    compliant = replace(ratings, num_probes=12, compliance=9, base_compliance=2)
    assert verdict_of(compliant).outcome is Outcome.PROVISIONAL


@given(evaluations())
def test_with_enough_comparisons_nothing_is_provisional(
    evaluation: Evaluation,
) -> None:
    if evaluation.held_out_comparisons >= CONFIG.provisional_below:
        assert verdict_of(evaluation).outcome is not Outcome.PROVISIONAL


def test_too_few_held_out_examples_are_provisional_at_best() -> None:
    verdict = verdict_of(good(held_out_examples=4, held_out_wins=4, incumbent_examples=4))
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0].endswith("4 of 4 held-out examples; significance needs at least 5.")


def test_without_held_out_examples_a_gain_is_provisional() -> None:
    verdict = verdict_of(without_held_out())
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0] == "No example was held out, so a gain cannot be significant."


def test_losing_most_held_out_examples_is_refused_even_with_a_lower_mean_loss() -> None:
    assert "on 1 of 8" in refusal(good(held_out_wins=1))


def test_no_lower_loss_on_held_out_examples_is_refused() -> None:
    assert "is 2.000; that of the base model 2.000" in refusal(good(held_out_loss=2.0))


def test_worse_than_the_version_in_use_is_refused() -> None:
    assert "is 1.710; that of the version in use 1.600" in refusal(
        good(loss_on_incumbent_examples=1.71)
    )


def test_a_few_examples_do_not_refuse_for_the_version_in_use() -> None:
    few = good(incumbent_examples=4, loss_on_incumbent_examples=1.9)
    assert verdict_of(few).outcome is Outcome.SIGNIFICANT


def test_a_little_worse_than_the_version_in_use_is_within_noise() -> None:
    assert verdict_of(good(loss_on_incumbent_examples=1.7)).outcome is Outcome.SIGNIFICANT


def test_drift_on_unrelated_prompts_is_refused() -> None:
    assert "by 0.600 nats per token (KL); at most 0.500 allowed" in refusal(good(reference_kl=0.6))


def test_training_that_did_not_learn_is_refused() -> None:
    assert "took the loss from 2.100 to 2.100 nats per token" in refusal(good(train_loss_after=2.1))


def test_every_failed_check_is_named() -> None:
    reasons = refusal(good(train_loss_after=3.0, reference_kl=2.0))
    assert "from 2.100 to 3.000" in reasons
    assert "(KL)" in reasons


@pytest.mark.parametrize("losses", ["held_out_loss_base", "incumbent_loss"])
def test_a_missing_measurement_is_refused(losses: str) -> None:
    assert "incomplete" in refusal(good(**{losses: None}))


@given(
    evaluations(),
    st.sampled_from([field.name for field in fields(Evaluation)]),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_a_number_that_is_not_finite_is_always_refused(
    evaluation: Evaluation, name: str, value: float
) -> None:
    spoilt: dict[str, Any] = {name: value}
    reasons = refusal(replace(evaluation, **spoilt))
    assert name.replace("_", " ") in reasons


@given(evaluations())
def test_an_allowed_candidate_is_within_every_bound(evaluation: Evaluation) -> None:
    verdict = verdict_of(evaluation)
    assert verdict.reasons
    assert all(reason[0].isupper() or reason[0].isdigit() for reason in verdict.reasons)
    if verdict.outcome is Outcome.REFUSED:
        return
    assert evaluation.train_loss_after < evaluation.train_loss_before
    assert evaluation.reference_kl <= CONFIG.max_reference_kl + 1e-6
    if evaluation.held_out_examples:
        assert evaluation.held_out_loss_base is not None
        assert evaluation.held_out_loss is not None
        assert evaluation.held_out_loss < evaluation.held_out_loss_base


@given(evaluations())
def test_a_significant_gain_is_hardly_chance(evaluation: Evaluation) -> None:
    compared = evaluation.held_out_comparisons
    wins = max(evaluation.held_out_wins, evaluation.held_out_wins_by_sum)
    if verdict_of(evaluation).outcome is Outcome.SIGNIFICANT:
        assert compared >= CONFIG.min_held_out_for_significance
        assert chance_of_wins(wins, compared) <= ALPHA / 2


@given(evaluations(), st.floats(0, 1))
def test_a_stricter_gate_allows_nothing_more(evaluation: Evaluation, share: float) -> None:
    strict = replace(
        CONFIG,
        max_reference_kl=CONFIG.max_reference_kl * share,
        max_incumbent_loss_increase=CONFIG.max_incumbent_loss_increase * share,
    )
    if verdict_of(evaluation).outcome is Outcome.REFUSED:
        assert verdict_of(evaluation, strict).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("tosses", "needed"), [(5, 5), (8, 7), (10, 8), (12, 9), (20, 14), (40, 25)]
)
def test_the_sign_test_needs_the_published_number_of_wins(tosses: int, needed: int) -> None:
    assert chance_of_wins(needed, tosses) <= ALPHA < chance_of_wins(needed - 1, tosses)


@given(st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_winning_and_losing_are_symmetric(game: tuple[int, int]) -> None:
    wins, tosses = game
    at_most = 1.0 - (chance_of_wins(wins + 1, tosses) if wins < tosses else 0.0)
    assert math.isclose(chance_of_wins(tosses - wins, tosses), at_most, abs_tol=1e-12)
