"""The packed linears give the same numbers as `nn.Linear`."""

import torch
from torch import nn

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.packed import pack
from adapters_store.records import LoraConfig
from scheduler.fit.packed_linear import PackedLinear, pack_linears

SLOT = 1


def logits_and_gradients(tiny_base: BaseModel, pool: AdapterPool) -> list[torch.Tensor]:
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with pool.use(SLOT):
        pool.requires_grad(True)
        logits = tiny_base.model(input_ids=ids).logits
        logits.square().mean().backward()
    weights = [*pool.a_parameters(), *pool.b_parameters()]
    gradients = [weight.grad.clone() for weight in weights if weight.grad is not None]
    for weight in weights:
        weight.grad = None
    return [logits.detach(), *gradients]


def test_logits_and_the_adapters_gradients_are_the_same(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LoraConfig(rank=4, alpha=8.0), num_slots=2)
    with torch.no_grad():
        for weight in (*pool.a_parameters(), *pool.b_parameters()):
            weight[SLOT].normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    plain = logits_and_gradients(tiny_base, pool)
    pack_linears(tiny_base.model, pool)
    packed = logits_and_gradients(tiny_base, pool)
    assert len(plain) == len(packed) == 1 + 2 * len(pool.layers)
    for one, other in zip(plain, packed, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)


def test_every_adapted_linear_and_the_head_is_packed(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LoraConfig(rank=4, alpha=8.0), num_slots=2)
    pack_linears(tiny_base.model, pool)
    assert all(isinstance(layer.base, PackedLinear) for layer in pool.layers.values())
    assert isinstance(tiny_base.model.get_submodule("lm_head"), PackedLinear)


def test_a_bias_is_added(tiny_base: BaseModel) -> None:
    linear = nn.Linear(8, 4)
    packed, transposed = pack(linear.weight.detach()), pack(linear.weight.detach().T.contiguous())
    assert packed is not None and transposed is not None
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    packed_linear = PackedLinear(linear.bias.detach(), packed, transposed)
    torch.testing.assert_close(packed_linear(x), linear(x).detach())
