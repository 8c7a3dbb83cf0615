"""Values over the vocabulary, a few tokens at a time, against the whole logits at once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from scheduler.fit import vocabulary
from scheduler.fit.vocabulary import States, divergences, read_states, target_log_probs
from tests.adapters import pool_with_adapter
from tests.server.engine.model.families import FAMILIES, tiny_model

SLOT = 1
IDS = torch.tensor([[5, 6, 7, 8, 9, 10], [11, 12, 13, 14, 0, 0]])
ATTENTION = IDS > 0
PLACES = torch.tensor([[0, 0, 1, 1, 1, 0], [0, 1, 1, 0, 0, 0]]).bool()
TARGETS = torch.tensor([8, 9, 10, 13, 14])
UPSTREAM = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0])


@pytest.fixture(autouse=True)
def two_tokens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "LOGITS_BYTES", 2 * 4 * 265)


@pytest.fixture(params=FAMILIES)
def base(request: pytest.FixtureRequest, tiny_base: BaseModel) -> BaseModel:
    """A tiny model of each family."""
    return replace(tiny_base, model=tiny_model(request.param))


@pytest.fixture
def pool(base: BaseModel) -> Iterator[AdapterPool]:
    pool = pool_with_adapter(base.model, scale=0.1)
    with pool.train(SLOT):
        yield pool


def states(base: BaseModel) -> States:
    return read_states(base, IDS, ATTENTION, PLACES)


def whole_log_probs(base: BaseModel) -> Tensor:
    """Over the vocabulary: [tokens, vocabulary]."""
    model: Any = base.model
    logits: Tensor = model(input_ids=IDS, attention_mask=ATTENTION).logits[PLACES]
    return logits.log_softmax(dim=-1)


def values_and_gradients(pool: AdapterPool, values: Tensor) -> list[Tensor]:
    weights = [weight for weights in pool.trained_weights(SLOT) for weight in weights]
    return [values, *torch.autograd.grad((values * UPSTREAM).sum(), weights)]


def test_log_probabilities_and_gradients_are_those_of_the_whole_logits(
    base: BaseModel, pool: AdapterPool
) -> None:
    with pool.use(SLOT):
        ours = values_and_gradients(pool, target_log_probs(base, states(base), TARGETS))
        whole = whole_log_probs(base).gather(1, TARGETS[:, None])[:, 0]
        torch.testing.assert_close(ours, values_and_gradients(pool, whole), rtol=1e-3, atol=1e-5)


def test_divergences_and_gradients_are_those_of_the_whole_logits(
    base: BaseModel, pool: AdapterPool
) -> None:
    with torch.no_grad(), pool.use(NO_ADAPTER):
        reference, whole_reference = states(base), whole_log_probs(base)
    with pool.use(SLOT):
        ours = values_and_gradients(pool, divergences(base, states(base), reference))
        summed = F.kl_div(whole_reference, whole_log_probs(base), reduction="none", log_target=True)
        whole = values_and_gradients(pool, summed.sum(dim=-1))
    torch.testing.assert_close(ours, whole, rtol=1e-3, atol=1e-5)


def test_no_more_logits_exist_at_once_than_allowed(tiny_base: BaseModel) -> None:
    sizes: list[int] = []
    model: Any = tiny_base.model
    head = model.get_output_embeddings()
    head.register_forward_hook(lambda module, arguments, output: sizes.append(output.shape[-2]))
    target_log_probs(tiny_base, states(tiny_base), TARGETS)
    assert sizes == [2, 2, 1]
