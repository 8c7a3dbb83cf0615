"""The initialisation of an empty slot."""

from collections.abc import Callable

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from scheduler.fit.lora_init import init_from_gradients
from tests.adapters import random_adapter

IDS = torch.tensor([[5, 9, 17, 3, 44, 8, 21, 30, 2, 11, 7, 19]])


def loss_of(base: BaseModel) -> Callable[[], None]:
    def backward() -> None:
        base.model(input_ids=IDS, labels=IDS).loss.backward()

    return backward


def initialised(base: BaseModel, rank: int, seed: int = 0) -> AdapterPool:
    pool = AdapterPool(base.model, LoraConfig(rank=rank, alpha=16.0), num_slots=2)
    initialise(base, pool, seed)
    return pool


def initialise(base: BaseModel, pool: AdapterPool, seed: int) -> None:
    with pool.train(1), pool.use(1), init_from_gradients(pool, 1, seed):
        loss_of(base)()


def weight_gradients(base: BaseModel, pool: AdapterPool) -> dict[str, Tensor]:
    """The gradient of every adapted weight itself, [out, in]."""
    weights = {path: layer.base.get_parameter("weight") for path, layer in pool.layers.items()}
    for weight in weights.values():
        weight.requires_grad_(True)
    loss_of(base)()
    gradients = {path: weight.grad for path, weight in weights.items()}
    for weight in weights.values():
        weight.requires_grad_(False)
        weight.grad = None
    return {path: gradient for path, gradient in gradients.items() if gradient is not None}


def test_an_initialised_slot_starts_as_the_base(tiny_base: BaseModel) -> None:
    bare = tiny_base.model(input_ids=IDS).logits
    pool = initialised(tiny_base, rank=4)
    with pool.use(1):
        assert torch.equal(tiny_base.model(input_ids=IDS).logits, bare)
    assert pool.is_empty(1)


def test_its_directions_hold_most_of_what_any_as_many_could(tiny_base: BaseModel) -> None:
    rank = 4
    pool = initialised(tiny_base, rank)
    gradients = weight_gradients(tiny_base, pool)
    assert gradients.keys() == pool.layers.keys()
    shares = []
    for path, gradient in gradients.items():
        directions, _ = torch.linalg.qr(pool.layers[path].A[1])
        held = (gradient @ directions).square().sum()
        most = torch.linalg.svdvals(gradient)[:rank].square().sum()
        shares.append((held / most).item())
    assert min(shares) > 0.4
    assert sum(shares) / len(shares) > 0.65


def test_the_seed_decides_the_bytes(tiny_base: BaseModel) -> None:
    pool = initialised(tiny_base, rank=4, seed=0)

    def again(seed: int) -> list[bytes]:
        initialise(tiny_base, pool, seed)
        return [layer.A[1].numpy().tobytes() for layer in pool.layers.values()]

    assert again(seed=0) == again(seed=0) != again(seed=1)


def test_a_rank_above_the_width_of_a_layer_fills_up_with_zeros(tiny_base: BaseModel) -> None:
    pool = initialised(tiny_base, rank=600)
    narrow = [layer for layer in pool.layers.values() if layer.in_features < 600]
    assert narrow
    assert not any(layer.A[1][:, layer.in_features :].any() for layer in narrow)


def test_a_slot_with_weights_is_not_empty(tiny_base: BaseModel) -> None:
    pool = initialised(tiny_base, rank=4)
    pool.load(1, random_adapter(pool.shapes, seed=1, rank=4))
    assert not pool.is_empty(1)
