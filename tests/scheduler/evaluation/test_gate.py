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
    rows = draw(st.integers(0, 30))
    rematch, compared = draw(st.integers(0, rows)), draw(st.integers((rows + 1) // 2, rows))
    loss = st.floats(0, 5)
    return Evaluation(
        held_out_examples=rows,
        held_out_comparisons=compared,
        held_out_wins=draw(st.integers(0, compared)),
        held_out_wins_by_sum=draw(st.integers(0, compared)),
        held_out_loss_base=draw(loss) if rows else None,
        held_out_loss=draw(loss) if rows else None,
        held_out_loss_few_shot=draw(loss) if rows else None,
        incumbent_examples=rematch,
        incumbent_loss=draw(loss) if rematch else None,
        loss_on_incumbent_examples=draw(loss) if rematch else None,
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


def test_a_significant_gain_on_unseen_judgements_is_proven() -> None:
    verdict = judge(GOOD, CONFIG)
    assert verdict.outcome is Outcome.SIGNIFICANT
    assert verdict.reasons[0] == (
        "It beats the base model on 7 of 8 judgements it was not trained on,"
        " which chance alone does at most 7.0% of the time."
    )


def test_what_memory_alone_does_as_well_is_refused() -> None:
    assert "with memory 1.500" in refusal(good(held_out_loss_few_shot=1.5))


def test_replies_that_memory_alone_brings_as_often_refuse() -> None:
    tried = good(num_probes=12, compliance=8, base_compliance_with_few_shot=8)
    assert "memory alone does as well" in refusal(tried)
    few = replace(tried, held_out_examples=4, held_out_comparisons=4, held_out_wins=4)
    few = replace(few, held_out_wins_by_sum=4, incumbent_examples=4)
    assert judge(few, CONFIG).outcome is Outcome.PROVISIONAL
    beside = replace(tried, compliance_with_few_shot=9)
    assert judge(beside, CONFIG).outcome is Outcome.SIGNIFICANT
    assert (
        judge(replace(tried, base_compliance_with_few_shot=7), CONFIG).outcome
        is Outcome.SIGNIFICANT
    )


def test_who_keeps_the_rules_less_often_than_the_base_is_refused() -> None:
    tried = good(num_probes=12, compliance=9, base_compliance=11)
    assert "replies so to 9 of 12 prompts that it was not taught, the base model to 11" in (
        refusal(tried)
    )
    assert judge(replace(tried, base_compliance=10), CONFIG).outcome is Outcome.SIGNIFICANT


def test_who_keeps_the_rules_always_or_where_memory_never_does_is_not_refused_for_it() -> None:
    always = good(num_probes=12, compliance=12, base_compliance_with_few_shot=12)
    never = good(num_probes=12, compliance=0, base_compliance_with_few_shot=0)
    assert judge(always, CONFIG).outcome is judge(never, CONFIG).outcome is Outcome.SIGNIFICANT


def test_fewer_judgements_than_prove_anything_do_not_speak_for_memory() -> None:
    few = good(
        held_out_examples=4, held_out_wins=4, held_out_loss_few_shot=0.1, incumbent_examples=4
    )
    assert judge(few, CONFIG).outcome is Outcome.PROVISIONAL


def test_a_few_losses_do_not_refuse_what_visibly_keeps_the_rules() -> None:
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
    tried = replace(few, num_probes=12, compliance=9, base_compliance=2)
    verdict = judge(tried, CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert (
        "To 9 of 12 prompts that it was not taught it replies as the user's judgements show,"
        " the base model to 2." in verdict.reasons
    )
    as_often = replace(few, num_probes=12, compliance=9, base_compliance=9)
    assert judge(as_often, CONFIG).outcome is Outcome.REFUSED


def test_what_was_taught_and_is_still_unlikely_was_not_learned() -> None:
    added = good(added_loss=4.5)
    assert "not learned what it was taught: 4.500 nats" in refusal(added)
    coded = good(train_loss_before=5.1, train_loss_after=4.5)
    assert "not learned what it was taught: 4.500 nats" in refusal(coded)
    assert judge(good(train_loss_before=5.1, train_loss_after=3.5), CONFIG).outcome is not (
        Outcome.REFUSED
    )


def test_many_losses_outweigh_the_rules() -> None:
    many = good(held_out_wins=1, held_out_loss=2.1, num_probes=12, compliance=12)
    assert "worse than the base model" in refusal(many)


def test_a_gain_that_chance_explains_is_refused_but_where_the_rules_are_kept_more_often() -> None:
    by_chance = good(held_out_examples=7, held_out_wins=5)
    assert "which chance alone does at most 45% of the time" in refusal(by_chance)
    as_often = replace(by_chance, num_probes=12, compliance=9, base_compliance=9)
    assert "which chance alone does at most 45% of the time" in refusal(as_often)
    tried = replace(by_chance, num_probes=12, compliance=9, base_compliance=2)
    verdict = judge(tried, CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0].endswith(
        "which chance alone does at most 45% of the time: not proof."
    )


def test_a_gain_that_chance_explains_is_refused_where_the_judgements_could_have_proven_it() -> None:
    assert refusal(good(held_out_wins=5)) == (
        "It beats the base model on only 5 of 8 judgements that it was not trained on,"
        " which chance alone does at most 73% of the time."
    )
    assert refusal(good(held_out_wins=4)).endswith(", which chance alone does as well.")
    visible = good(held_out_wins=5, num_probes=12, compliance=9, base_compliance=2)
    assert judge(visible, CONFIG).outcome is Outcome.REFUSED
    assert judge(visible, replace(CONFIG, provisional_below=9)).outcome is Outcome.PROVISIONAL


def test_a_gain_that_only_the_sums_see_is_a_gain() -> None:
    shorter = good(held_out_examples=5, held_out_wins=3, held_out_wins_by_sum=5)
    verdict = judge(shorter, CONFIG)
    assert verdict.outcome is Outcome.SIGNIFICANT
    assert verdict.reasons[0] == (
        "It beats the base model on 3 of 5 judgements (5 where length counts) it was not trained"
        " on, which chance alone does at most 6.2% of the time."
    )
    worse = good(held_out_wins=1, held_out_wins_by_sum=7)
    assert judge(worse, CONFIG).outcome is Outcome.SIGNIFICANT


def test_thumbs_that_are_compared_with_each_other_prove_less_than_as_many_choices() -> None:
    thumbs = good(held_out_examples=5, held_out_comparisons=2, held_out_wins=2)
    assert "2 of 2 comparisons that it was not trained on" in refusal(thumbs)
    visible = replace(thumbs, num_probes=12, compliance=9, base_compliance=2)
    assert judge(visible, CONFIG).outcome is Outcome.PROVISIONAL


@given(evaluations())
def test_from_some_held_out_judgements_on_nothing_answers_without_proof(
    evaluation: Evaluation,
) -> None:
    if evaluation.held_out_comparisons >= CONFIG.provisional_below:
        assert judge(evaluation, CONFIG).outcome is not Outcome.PROVISIONAL


def test_too_few_held_out_rows_are_provisional_at_best() -> None:
    verdict = judge(good(held_out_examples=4, held_out_wins=4, incumbent_examples=4), CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0].endswith(
        "4 of 4 judgements it was not trained on; proof needs at least 5."
    )


def test_without_held_out_rows_a_gain_is_provisional() -> None:
    verdict = judge(without_held_out(), CONFIG)
    assert verdict.outcome is Outcome.PROVISIONAL
    assert verdict.reasons[0] == "No judgement was held out, so a gain is not proven."


def test_losing_most_unseen_judgements_is_refused_even_with_a_lower_mean_loss() -> None:
    assert "better on 1 of 8 only" in refusal(good(held_out_wins=1))


def test_no_lower_loss_on_unseen_judgements_is_refused() -> None:
    assert "loss 2.000, base 2.000" in refusal(good(held_out_loss=2.0))


def test_worse_than_the_version_in_use_is_refused() -> None:
    assert "worse than the version in use" in refusal(good(loss_on_incumbent_examples=1.71))


def test_a_few_judgements_do_not_refuse_for_the_version_in_use() -> None:
    few = good(incumbent_examples=4, loss_on_incumbent_examples=1.9)
    assert judge(few, CONFIG).outcome is Outcome.SIGNIFICANT


def test_a_little_worse_than_the_version_in_use_is_within_noise() -> None:
    assert judge(good(loss_on_incumbent_examples=1.7), CONFIG).outcome is Outcome.SIGNIFICANT


def test_drift_on_unrelated_prompts_is_refused() -> None:
    assert "KL 0.600 nats per token, allowed 0.500" in refusal(good(reference_kl=0.6))


def test_replies_that_loop_are_refused() -> None:
    assert "30% of its replies loop" in refusal(good(repetition_candidate=0.3))


def test_one_reply_to_everything_is_refused() -> None:
    assert "58% of its replies mostly repeat other replies" in refusal(
        good(collapse_candidate=7 / 12)
    )


def test_the_prompt_again_is_refused() -> None:
    assert "33% of its replies mostly repeat the prompt" in refusal(good(echo_candidate=4 / 12))


def test_two_replies_of_twelve_that_are_alike_are_no_reason_to_refuse() -> None:
    assert judge(good(collapse_candidate=2 / 12), CONFIG).outcome is Outcome.SIGNIFICANT


def test_a_reply_that_says_nothing_is_refused() -> None:
    assert "8% of its replies say nothing" in refusal(good(empty_candidate=1 / 12))


def test_a_base_that_loops_itself_is_no_reason_to_refuse() -> None:
    looping = good(repetition_base=0.5, repetition_candidate=0.6)
    assert judge(looping, CONFIG).outcome is Outcome.SIGNIFICANT


def test_training_that_did_not_learn_is_refused() -> None:
    assert "did not lower the loss" in refusal(good(train_loss_after=2.1))


def test_every_objection_is_named() -> None:
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
def test_what_is_allowed_keeps_every_bound(evaluation: Evaluation) -> None:
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
def test_what_is_proven_could_hardly_be_chance(evaluation: Evaluation) -> None:
    rows = evaluation.held_out_comparisons
    wins = max(evaluation.held_out_wins, evaluation.held_out_wins_by_sum)
    if judge(evaluation, CONFIG).outcome is Outcome.SIGNIFICANT:
        assert rows >= CONFIG.min_held_out_for_significance
        assert chance_of_wins(wins, rows) <= ALPHA / 2


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


@pytest.mark.parametrize(("rows", "needed"), [(5, 5), (8, 7), (10, 8), (12, 9), (20, 14), (40, 25)])
def test_the_sign_test_needs_the_published_number_of_wins(rows: int, needed: int) -> None:
    assert chance_of_wins(needed, rows) <= ALPHA < chance_of_wins(needed - 1, rows)


@given(st.integers(0, 200).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_winning_and_losing_are_symmetric(game: tuple[int, int]) -> None:
    wins, rows = game
    at_most = 1.0 - (chance_of_wins(wins + 1, rows) if wins < rows else 0.0)
    assert math.isclose(chance_of_wins(rows - wins, rows), at_most, abs_tol=1e-12)
