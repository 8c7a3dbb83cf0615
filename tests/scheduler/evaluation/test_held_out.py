"""The preference loss of an adapter on held-out examples."""

from collections.abc import Sequence
from math import exp, log, log1p

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import TrainingExample
from scheduler.evaluation.held_out import chance_loss, comparisons, reply_losses, score_preferences
from scheduler.records import TrainingConfig
from tests.adapters import pool_with_adapter
from tests.scheduler.training import make_example, make_rating

CONFIG = TrainingConfig(max_tokens=100)
CORRECTION = make_example("question", "the answer", revised_from="THE ANSWER")
PAIR = make_example("question", "the answer", "THE ANSWER")
LIKED = make_rating("question", "the answer", is_liked=True)
DISLIKED = make_rating("question", "the answer", is_liked=False)
REJECTED = make_rating("question", "THE ANSWER", is_liked=True)


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return pool_with_adapter(tiny_base.model)


def losses_of(
    base: BaseModel, pool: AdapterPool, slot: int, examples: Sequence[TrainingExample]
) -> list[float | None]:
    found = score_preferences(base, pool, slot, examples, CONFIG)
    return [None if each is None else each.loss for each in found]


def gain(base: BaseModel, pool: AdapterPool, example: TrainingExample) -> float:
    """By how many nats per token slot 1 makes the reply likelier than the base does."""
    [before], [after] = (reply_losses(base, pool, slot, [example], 100) for slot in (0, 1))
    assert before is not None and after is not None
    return before - after


def test_the_base_has_the_loss_of_chance(tiny_base: BaseModel, pool: AdapterPool) -> None:
    examples = [CORRECTION, PAIR, LIKED, DISLIKED]
    losses = losses_of(tiny_base, pool, 0, examples)
    assert losses == pytest.approx([log(2), log(2), 0.5, 0.5])
    assert [chance_loss(each) for each in examples] == pytest.approx(losses)


@pytest.mark.parametrize("example", [CORRECTION, PAIR])
def test_a_correction_counts_as_a_preference_pair(
    tiny_base: BaseModel, pool: AdapterPool, example: TrainingExample
) -> None:
    margin = gain(tiny_base, pool, LIKED) - gain(tiny_base, pool, REJECTED)
    [loss] = losses_of(tiny_base, pool, 1, [example])
    assert loss == pytest.approx(log1p(exp(-CONFIG.dpo_beta * margin)), abs=1e-3)
    assert loss != pytest.approx(log(2), abs=1e-2)


def test_ratings_alone_have_the_losses_that_training_lowers(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    [liked], [disliked] = (losses_of(tiny_base, pool, 1, [each]) for each in (LIKED, DISLIKED))
    share = 1 / (1 + exp(CONFIG.dpo_beta * gain(tiny_base, pool, LIKED)))
    assert liked == pytest.approx(share, abs=1e-3)
    assert disliked == pytest.approx(1 - share, abs=1e-3)


def test_liked_and_disliked_replies_are_compared_with_each_other(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    rejected = make_rating("question", "THE ANSWER", is_liked=False)
    losses = losses_of(tiny_base, pool, 1, [LIKED, rejected])
    margin = gain(tiny_base, pool, LIKED) - gain(tiny_base, pool, REJECTED)
    assert losses == pytest.approx([1 / (1 + exp(CONFIG.dpo_beta * margin))] * 2, abs=1e-3)


def test_a_liked_reply_is_compared_with_corrected_replies_too(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    [_, liked] = losses_of(tiny_base, pool, 1, [CORRECTION, LIKED])
    margin = gain(tiny_base, pool, LIKED) - gain(tiny_base, pool, REJECTED)
    assert liked == pytest.approx(1 / (1 + exp(CONFIG.dpo_beta * margin)), abs=1e-3)


def test_a_like_with_a_dislike_is_one_comparison_and_so_is_a_pair() -> None:
    examples = [LIKED, CORRECTION, DISLIKED, LIKED, DISLIKED, DISLIKED]
    assert comparisons(examples, [True] * 6) == [True] * 3
    assert comparisons(examples, [True, False, True, True, False, True]) == [False, True, False]


def test_likes_alone_are_compared_with_the_base_one_by_one() -> None:
    assert comparisons([LIKED, LIKED, PAIR], [True, False, True]) == [True, True, False]


def test_losses_come_in_the_order_of_their_examples(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    long = make_example("question", "the answer", "x" * 150)
    too_long = make_rating("x" * 150, "reply", is_liked=False)
    long_prompt = make_example("x" * 150, "the answer", revised_from="THE ANSWER")
    mixed = [CORRECTION, too_long, long, long_prompt, PAIR]
    alone = [losses_of(tiny_base, pool, 1, [each])[0] for each in mixed]
    together = losses_of(tiny_base, pool, 1, mixed)
    assert [loss is None for loss in together] == [False, True, False, True, False]
    for one, other in zip(together, alone, strict=True):
        assert one is None or one == pytest.approx(other, abs=1e-3)


def test_a_pair_may_be_lost_by_means_and_won_by_sums(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    replies = ["ab", "abcdefghij", "the answer", "a much longer answer than the others", "x"]
    pairs = [make_example("question", one, other) for one in replies for other in replies]
    pairs = [each for each in pairs if each.chosen != each.rejected]
    found = score_preferences(tiny_base, pool, 1, pairs, CONFIG)
    for pair, score in zip(pairs, found, strict=True):
        assert score is not None
        chosen, rejected = (
            gain(tiny_base, pool, make_rating("question", text or "", is_liked=True))
            for text in (pair.chosen, pair.rejected)
        )
        sums = chosen * (len(pair.chosen) + 1), rejected * (len(pair.rejected or "") + 1)
        assert score.wins_by_sum == (sums[0] > sums[1])
    by_mean = [each is not None and each.loss < log(2) for each in found]
    assert by_mean != [each is not None and each.wins_by_sum for each in found]


def test_a_single_reply_wins_by_both_or_by_none(tiny_base: BaseModel, pool: AdapterPool) -> None:
    found = score_preferences(tiny_base, pool, 1, [LIKED, DISLIKED], CONFIG)
    assert [each is not None and each.wins_by_sum for each in found] == [
        each is not None and each.loss < 0.5 for each in found
    ]
