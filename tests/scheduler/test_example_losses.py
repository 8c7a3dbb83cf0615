"""What a judgement that no fit has seen says of an adapter."""

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluate import example_losses
from scheduler.records import TrainingConfig
from tests.adapters import LORA, random_adapter
from tests.scheduler.training import make_example, make_thumb

CONFIG = TrainingConfig(max_tokens=100)
DISLIKED = [make_thumb(f"question {i}", f"reply {i}", is_liked=False) for i in range(4)]


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    """Slot 1 holds an adapter that ruins replies."""
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1, scale=3.0))
    return pool


def test_the_base_is_indifferent_to_disliked_replies(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    assert example_losses(tiny_base, pool, 0, DISLIKED, CONFIG) == [0.5] * 4


def test_ruin_gains_no_more_than_the_base_can_lose(tiny_base: BaseModel, pool: AdapterPool) -> None:
    [liked] = example_losses(
        tiny_base, pool, 1, [make_thumb("question 0", "reply 0", is_liked=True)], CONFIG
    )
    losses = example_losses(tiny_base, pool, 1, DISLIKED, CONFIG)
    assert liked is not None and liked > 6  # ln 259, of all tokens, is 5.6
    assert all(loss is not None and 0 <= loss < 0.5 for loss in losses)


def test_losses_come_in_the_order_of_their_examples(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    wanted = make_example("question", "the answer")
    too_long = make_thumb("x" * 150, "reply", is_liked=False)
    mixed = [DISLIKED[0], wanted, too_long, DISLIKED[1]]
    alone = [example_losses(tiny_base, pool, 1, [each], CONFIG)[0] for each in mixed]
    together = example_losses(tiny_base, pool, 1, mixed, CONFIG)
    assert together[2] is alone[2] is None
    for one, other in zip(together, alone, strict=True):
        assert (one is None) == (other is None)
        assert one is None or one == pytest.approx(other, abs=1e-4)
