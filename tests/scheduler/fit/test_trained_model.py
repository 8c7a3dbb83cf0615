"""The memory that a fit's activations take: its estimate, and checkpoints that bound it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adapters_store.base_model import BaseModel
from adapters_store.weights.frozen import freeze_linears
from scheduler.fit import trained_model
from scheduler.fit.batching import TokenisedReply
from scheduler.fit.cpu_attention import use_grouped_attention
from scheduler.fit.steps import supervised_step
from scheduler.fit.trained_model import TrainedModel, activation_size, checkpoint_blocks
from tests.adapters import pool_with_adapter
from tests.scheduler.fit.together import alone
from tests.server.engine.model.families import FAMILIES, tiny_model

SLOT = 1
REPLIES = [TokenisedReply(tuple(range(5, 5 + length)), (1.0,) * 4) for length in (30, 9, 24)]


def blocks_of(model: Any) -> list[nn.Module]:
    return list(model.model.layers)


@pytest.fixture
def deterministic() -> Iterator[None]:
    """As the training child computes."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def gradients(model: TrainedModel) -> list[Tensor]:
    """Those of one supervised step."""
    pool = model.pool
    with model.train(SLOT):
        alone(model, supervised_step(model.base, SLOT, REPLIES, [], stop_loss=0.0))
        weights = [weight for weights in pool.trained_weights(SLOT) for weight in weights]
    found = [weight.grad for weight in weights if weight.grad is not None]
    assert len(found) == len(weights)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_the_estimate_is_near_what_the_backward_pass_keeps(
    tiny_base: BaseModel, family: str
) -> None:
    model = tiny_model(family)
    freeze_linears(model, "float32")
    base = replace(tiny_base, model=model)
    pool = pool_with_adapter(model)
    use_grouped_attention(model)
    ids = torch.arange(3, 67)[None]
    others = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, Tensor] = {}  # the tensors, so that no other gets their address

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with pool.train(SLOT), pool.use(SLOT), hooks:
        model.base_model(input_ids=ids, attention_mask=ids > 0, use_cache=False)
    measured = sum(
        tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in others
    )
    size, length = activation_size(base, blocks_of(model)), ids.shape[1]
    estimated = length * size.plain(length) * size.num_blocks / (size.num_blocks + 1)
    assert 0.8 < estimated / measured < 1.4


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("family", FAMILIES)
def test_checkpoints_change_no_gradient(
    tiny_base: BaseModel, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = replace(tiny_base, model=tiny_model(family))
    freeze_linears(base.model, "int8")
    pool = pool_with_adapter(base.model)
    pool.train_upper(0.7)  # the lowest of three blocks is read from the cache
    lengths: list[int] = []
    blocks_of(base.model)[-1].register_forward_pre_hook(
        lambda module, arguments: lengths.append(arguments[0].shape[1])
    )
    plain = gradients(TrainedModel(base, pool))
    assert lengths == [9, 30]
    lengths.clear()
    monkeypatch.setattr(trained_model, "ACTIVATION_BYTES", 1)
    checkpointed = gradients(TrainedModel(base, pool))
    assert lengths == [9, 24, 30]
    torch.testing.assert_close(checkpointed, plain)


def test_checkpointed_blocks_keep_only_their_inputs(tiny_base: BaseModel) -> None:
    pool = pool_with_adapter(tiny_base.model)
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with (
        pool.train(SLOT),
        pool.use(SLOT),
        checkpoint_blocks(blocks_of(tiny_base.model)),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        tiny_base.model.base_model(input_ids=torch.arange(3, 35)[None], use_cache=False)
    width = tiny_base.model.config.hidden_size
    assert {tensor.shape[-1] for tensor in kept if tensor.numel() > 32} == {width}


def test_afterwards_nothing_is_checkpointed(tiny_base: BaseModel) -> None:
    blocks = blocks_of(tiny_base.model)
    with checkpoint_blocks(blocks):
        assert all("forward" in vars(block) for block in blocks)
    assert not any("forward" in vars(block) for block in blocks)
