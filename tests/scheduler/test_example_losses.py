"""What a judgement that no fit has seen says of an adapter."""

from math import exp

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
    """Slot 1 holds an adapter that changes replies."""
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    return pool


def test_the_base_is_indifferent_to_disliked_replies(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    assert example_losses(tiny_base, pool, 0, DISLIKED, CONFIG) == [0.5] * 4


def test_a_disliked_reply_has_the_loss_that_training_lowers(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    same = [make_thumb(each.prompt[0].content, each.reply, is_liked=True) for each in DISLIKED]
    losses = example_losses(tiny_base, pool, 1, DISLIKED, CONFIG)
    before, after = (example_losses(tiny_base, pool, slot, same, CONFIG) for slot in (0, 1))
    for loss, base, adapter in zip(losses, before, after, strict=True):
        assert base is not None and adapter is not None
        assert loss == pytest.approx(1 / (1 + exp(CONFIG.dpo_beta * (adapter - base))), abs=1e-4)


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
