"""Whether a trained adapter may answer, and the sentences that say why."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.gate import ALPHA, judge
from scheduler.records import Evaluation, GateConfig, Outcome
from scheduler.sign_test import chance_of_wins
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
        repetition_base=draw(st.floats(0, 1)),
        repetition_candidate=draw(st.floats(0, 1)),
        collapse_base=draw(st.floats(0, 1)),
        collapse_candidate=draw(st.floats(0, 1)),
        echo_base=draw(st.floats(0, 1)),
        echo_candidate=draw(st.floats(0, 1)),
        empty_base=draw(st.floats(0, 1)),
        empty_candidate=draw(st.floats(0, 1)),
        train_loss_before=draw(loss),
        train_loss_after=draw(loss),
        added_loss=draw(loss | st.none()),
        steps=draw(st.integers(0, 40)),
    )


def refusal(evaluation: Evaluation) -> str:
    verdict = judge(evaluation, CONFIG)
    assert verdict.outcome is Outcome.REFUSED
    return " ".join(verdict.reasons)


def test_a_gain_on_most_held_out_examples_is_significant() -> None:
    verdict = judge(GOOD, CONFIG)
    assert verdict.outcome is Outcome.SIGNIFICANT
    assert verdict.reasons[0] == (
        "It beats the base model on 7 of 8 held-out examples: significant (p = 0.07)."
    )


def test_no_lower_loss_than_with_a_few_shot_prompt_is_refused() -> None:
    assert "few-shot 1.500" in refusal(good(held_out_loss_few_shot=1.5))


def test_no_better_compliance_than_with_a_few_shot_prompt_is_refused() -> None:
    probed = good(num_probes=12, compliance=8, base_compliance_with_few_shot=8)
    assert "the few-shot prompt is enough" in refusal(probed)
    few = replace(probed, held_out_examples=4, held_out_comparisons=4, held_out_wins=4)
    few = replace(few, held_out_wins_by_sum=4, incumbent_examples=4)
    assert judge(few, CONFIG).outcome is Outcome.PROVISIONAL
    with_few_shot = replace(probed, compliance_with_few_shot=9)
    assert judge(with_few_shot, CONFIG).outcome is Outcome.SIGNIFICANT
    assert (
        judge(replace(probed, base_compliance_with_few_shot=7), CONFIG).outcome
        is Outcome.SIGNIFICANT
    )


def test_lower_compliance_than_the_base_is_refused() -> None:
    probed = good(num_probes=12, compliance=9, base_compliance=11)
    assert "follows them on 9 of 12 probe prompts, the base model on 11" in refusal(probed)
    assert judge(replace(probed, base_compliance=10), CONFIG).outcome is Outcome.SIGNIFICANT


def test_a_perfect_compliance_passes_the_few_shot_check_and_so_does_a_useless_few_shot_prompt() -> (
    None
):
    always = good(num_probes=12, compliance=12, base_compliance_with_few_shot=12)
    never = good(num_probes=12, compliance=0, base_compliance_with_few_shot=0)
    assert judge(always, CONFIG).outcome is judge(never, CONFIG).outcome is Outcome.SIGNIFICANT


def test_too_few_held_out_examples_do_not_count_for_the_few_shot_prompt() -> None:
    few = good(
        held_out_examples=4, held_out_wins=4, held_out_loss_few_shot=0.1, incumbent_examples=4
    )
    assert judge(few, CONFIG).outcome is Outcome.PROVISIONAL


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
    assert "no better than the base model" in refusal(few)
    probed = replace(few, num_probes=12, compliance=9, base_compliance=2)
    verdict = judge(probed, CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert (
        "It follows the user's rules on 9 of 12 probe prompts, the base model on 2."
        in verdict.reasons
    )
    assert "The loss on held-out feedback went from 2.000 to 2.100." in verdict.reasons
    as_often = replace(few, num_probes=12, compliance=9, base_compliance=9)
    assert judge(as_often, CONFIG).outcome is Outcome.REFUSED


def test_training_examples_that_are_still_unlikely_were_not_learned() -> None:
    added = good(added_loss=4.5)
    assert "did not learn its training examples: 4.500 nats" in refusal(added)
    nonsense = good(train_loss_before=5.1, train_loss_after=4.5)
    assert "did not learn its training examples: 4.500 nats" in refusal(nonsense)
    assert judge(good(train_loss_before=5.1, train_loss_after=3.5), CONFIG).outcome is not (
        Outcome.REFUSED
    )


def test_many_losses_outweigh_compliance() -> None:
    many = good(held_out_wins=1, held_out_loss=2.1, num_probes=12, compliance=12)
    assert "worse than the base model" in refusal(many)


def test_an_insignificant_gain_is_refused_except_with_higher_compliance() -> None:
    by_chance = good(held_out_examples=7, held_out_wins=5)
    assert "not significant (p = 0.45)" in refusal(by_chance)
    as_often = replace(by_chance, num_probes=12, compliance=9, base_compliance=9)
    assert "not significant (p = 0.45)" in refusal(as_often)
    probed = replace(by_chance, num_probes=12, compliance=9, base_compliance=2)
    verdict = judge(probed, CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0].endswith("held-out examples: not significant (p = 0.45).")


def test_an_insignificant_gain_on_many_held_out_examples_is_refused() -> None:
    assert refusal(good(held_out_wins=5)) == (
        "It beats the base model on only 5 of 8 held-out examples: not significant (p = 0.73)."
    )
    assert refusal(good(held_out_wins=4)).endswith(": no better than chance (p = 1.0).")
    compliant = good(held_out_wins=5, num_probes=12, compliance=9, base_compliance=2)
    assert judge(compliant, CONFIG).outcome is Outcome.REFUSED
    assert judge(compliant, replace(CONFIG, provisional_below=9)).outcome is Outcome.PROVISIONAL


def test_a_gain_by_sums_alone_is_a_gain() -> None:
    shorter = good(held_out_examples=5, held_out_wins=3, held_out_wins_by_sum=5)
    verdict = judge(shorter, CONFIG)
    assert verdict.outcome is Outcome.SIGNIFICANT
    assert verdict.reasons[0] == (
        "It beats the base model on 3 of 5 held-out examples (5 if length counts):"
        " significant (p = 0.062)."
    )
    worse = good(held_out_wins=1, held_out_wins_by_sum=7)
    assert judge(worse, CONFIG).outcome is Outcome.SIGNIFICANT


def test_likes_and_dislikes_give_fewer_comparisons_than_as_many_pairs() -> None:
    ratings = good(held_out_examples=5, held_out_comparisons=2, held_out_wins=2)
    assert "2 of 2 held-out comparisons" in refusal(ratings)
    compliant = replace(ratings, num_probes=12, compliance=9, base_compliance=2)
    assert judge(compliant, CONFIG).outcome is Outcome.PROVISIONAL


@given(evaluations())
def test_with_enough_comparisons_nothing_is_provisional(
    evaluation: Evaluation,
) -> None:
    if evaluation.held_out_comparisons >= CONFIG.provisional_below:
        assert judge(evaluation, CONFIG).outcome is not Outcome.PROVISIONAL


def test_too_few_held_out_examples_are_provisional_at_best() -> None:
    verdict = judge(good(held_out_examples=4, held_out_wins=4, incumbent_examples=4), CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0].endswith("4 of 4 held-out examples; significance needs at least 5.")


def test_without_held_out_examples_a_gain_is_provisional() -> None:
    verdict = judge(without_held_out(), CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0] == "No example was held out, so a gain cannot be significant."


def test_losing_most_held_out_examples_is_refused_even_with_a_lower_mean_loss() -> None:
    assert "better on only 1 of 8" in refusal(good(held_out_wins=1))


def test_no_lower_loss_on_held_out_examples_is_refused() -> None:
    assert "loss 2.000, base 2.000" in refusal(good(held_out_loss=2.0))


def test_worse_than_the_version_in_use_is_refused() -> None:
    assert "worse than the version in use" in refusal(good(loss_on_incumbent_examples=1.71))


def test_a_few_examples_do_not_refuse_for_the_version_in_use() -> None:
    few = good(incumbent_examples=4, loss_on_incumbent_examples=1.9)
    assert judge(few, CONFIG).outcome is Outcome.SIGNIFICANT


def test_a_little_worse_than_the_version_in_use_is_within_noise() -> None:
    assert judge(good(loss_on_incumbent_examples=1.7), CONFIG).outcome is Outcome.SIGNIFICANT


def test_drift_on_unrelated_prompts_is_refused() -> None:
    assert "KL 0.600 nats per token, at most 0.500 allowed" in refusal(good(reference_kl=0.6))


def test_replies_that_loop_are_refused() -> None:
    assert "30% of its replies loop" in refusal(good(repetition_candidate=0.3))


def test_collapse_is_refused() -> None:
    assert "58% of its replies mostly repeat other replies" in refusal(
        good(collapse_candidate=7 / 12)
    )


def test_echoing_the_prompt_is_refused() -> None:
    assert "33% of its replies mostly repeat the prompt" in refusal(good(echo_candidate=4 / 12))


def test_two_replies_of_twelve_that_are_alike_are_allowed() -> None:
    assert judge(good(collapse_candidate=2 / 12), CONFIG).outcome is Outcome.SIGNIFICANT


def test_an_empty_reply_is_refused() -> None:
    assert "8% of its replies are empty (base model: 0%)" in refusal(good(empty_candidate=1 / 12))


def test_loops_are_allowed_if_the_base_loops_as_often() -> None:
    looping = good(repetition_base=0.5, repetition_candidate=0.6)
    assert judge(looping, CONFIG).outcome is Outcome.SIGNIFICANT


def test_training_that_did_not_learn_is_refused() -> None:
    assert "did not lower the loss" in refusal(good(train_loss_after=2.1))


def test_every_failed_check_is_named() -> None:
    reasons = refusal(good(train_loss_after=3.0, reference_kl=2.0, repetition_candidate=1.0))
    assert "did not lower" in reasons
    assert "drifts" in reasons
    assert "repeats itself" in reasons


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
    verdict = judge(evaluation, CONFIG)
    assert verdict.reasons
    assert all(reason[0].isupper() or reason[0].isdigit() for reason in verdict.reasons)
    if verdict.outcome is Outcome.REFUSED:
        return
    assert evaluation.train_loss_after < evaluation.train_loss_before
    assert evaluation.reference_kl <= CONFIG.max_reference_kl + 1e-6
    for base, candidate, bound in (
        (
            evaluation.repetition_base,
            evaluation.repetition_candidate,
            CONFIG.max_repetition_increase,
        ),
        (evaluation.collapse_base, evaluation.collapse_candidate, CONFIG.max_collapse_increase),
        (
            evaluation.echo_base,
            evaluation.echo_candidate,
            CONFIG.max_echo_increase,
        ),
        (evaluation.empty_base, evaluation.empty_candidate, CONFIG.max_empty_increase),
    ):
        assert base is not None
        assert candidate is not None
        assert candidate - base <= bound + 1e-6
    if evaluation.held_out_examples:
        assert evaluation.held_out_loss_base is not None
        assert evaluation.held_out_loss is not None
        assert evaluation.held_out_loss < evaluation.held_out_loss_base


@given(evaluations())
def test_a_significant_gain_is_hardly_chance(evaluation: Evaluation) -> None:
    compared = evaluation.held_out_comparisons
    wins = max(evaluation.held_out_wins, evaluation.held_out_wins_by_sum)
    if judge(evaluation, CONFIG).outcome is Outcome.SIGNIFICANT:
        assert compared >= CONFIG.min_held_out_for_significance
        assert chance_of_wins(wins, compared) <= ALPHA / 2


@given(evaluations(), st.floats(0, 1))
def test_a_stricter_gate_allows_nothing_more(evaluation: Evaluation, share: float) -> None:
    strict = replace(
        CONFIG,
        max_reference_kl=CONFIG.max_reference_kl * share,
        max_repetition_increase=CONFIG.max_repetition_increase * share,
        max_collapse_increase=CONFIG.max_collapse_increase * share,
        max_echo_increase=CONFIG.max_echo_increase * share,
        max_incumbent_loss_increase=CONFIG.max_incumbent_loss_increase * share,
    )
    if judge(evaluation, CONFIG).outcome is Outcome.REFUSED:
        assert judge(evaluation, strict).outcome is Outcome.REFUSED


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
