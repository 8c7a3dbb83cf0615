"""The losses against TRL's on the same adapter, model and tokens."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import peft
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message
from scheduler.fit.batching import Batch, collate, tokenise
from scheduler.fit.losses import (
    apo_zero_losses,
    dpo_losses,
    kl_from_base,
    log_ratios,
    reply_log_probs,
    reply_states,
    supervised_losses,
)
from tests.adapters import LORA, random_adapter
from tests.conftest import load_tiny

BETA = 0.3
FLIP_RATE = 0.1
IS_LIKED = torch.tensor([True, True, False, False])

pytestmark = pytest.mark.filterwarnings("ignore")  # TRL and accelerate announce changes


def two_pairs(base: BaseModel) -> Batch:
    """Two chosen replies, then the two rejected ones."""
    replies = [("a", "yes indeed"), ("bcd", "no"), ("a", "never"), ("bcd", "perhaps so")]
    tokenised = [tokenise(base.renderer, [Message("user", p)], reply, 200) for p, reply in replies]
    return collate([each for each in tokenised if each], base.device)


def trl_inputs(batch: Batch) -> dict[str, Tensor]:
    return {
        "input_ids": batch.ids,
        "attention_mask": batch.attention.long(),
        "completion_mask": batch.is_reply.long(),
    }


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1, scale=0.1))
    return pool


@pytest.fixture
def merged_model(pool: AdapterPool, tiny_model_folder: Path, tmp_path: Path) -> PreTrainedModel:
    """The same adapter, put on by PEFT and merged into the weights."""
    save_file(pool.read(1, torch.float32), tmp_path / "adapter_model.safetensors")
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=LORA.rank, lora_alpha=int(LORA.alpha), target_modules="all-linear"
    )
    config.save_pretrained(str(tmp_path))
    bare = load_tiny(tiny_model_folder).model
    merged: PreTrainedModel = peft.PeftModel.from_pretrained(bare, str(tmp_path)).merge_and_unload()
    return merged


@pytest.fixture
def models(merged_model: PreTrainedModel, tiny_model_folder: Path) -> dict[str, Any]:
    """The model with the adapter and the one that it is compared with, as TRL takes them."""
    return {"model": merged_model, "ref_model": load_tiny(tiny_model_folder).model}


@pytest.fixture
def quick(tmp_path: Path) -> dict[str, Any]:
    """Settings of a TRL trainer that only measures."""
    return {
        "output_dir": str(tmp_path),
        "beta": BETA,
        "use_cpu": True,
        "bf16": False,
        "report_to": [],
        "disable_dropout": True,
        "gradient_checkpointing": False,
    }


def measured_ratios(base: BaseModel, pool: AdapterPool, batch: Batch) -> Tensor:
    with torch.no_grad(), pool.use(1):
        ratios, _ = log_ratios(base, pool, batch)
    return ratios


def dpo_of_trl(base: BaseModel, batch: Batch, models: dict[str, Any], **config: Any) -> float:
    trainer: Any = DPOTrainer(
        **models,
        args=DPOConfig(**config),
        train_dataset=datasets.Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
        processing_class=base.renderer.tokenizer,
    )
    with torch.no_grad():
        loss: float = trainer.compute_loss(trainer.model, trl_inputs(batch)).item()
    return loss


def test_length_normalised_dpo_equals_trls(
    tiny_base: BaseModel,
    pool: AdapterPool,
    models: dict[str, Any],
    quick: dict[str, Any],
) -> None:
    batch = two_pairs(tiny_base)
    chosen, rejected = measured_ratios(tiny_base, pool, batch).chunk(2)
    ours = dpo_losses(chosen, rejected, BETA, torch.zeros(2)).mean().item()
    theirs = dpo_of_trl(tiny_base, batch, models, loss_type=["sigmoid_norm"], **quick)
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert abs(ours - 0.6931) > 1e-3  # not the value at equal models


def test_robust_dpo_equals_trls(
    tiny_base: BaseModel,
    pool: AdapterPool,
    models: dict[str, Any],
    quick: dict[str, Any],
) -> None:
    batch = two_pairs(tiny_base)
    sums = measured_ratios(tiny_base, pool, batch) * batch.is_reply.sum(dim=1)  # as TRL's robust
    chosen, rejected = sums.chunk(2)
    ours = dpo_losses(chosen, rejected, BETA, torch.full((2,), FLIP_RATE)).mean().item()
    theirs = dpo_of_trl(
        tiny_base, batch, models, loss_type=["robust"], label_smoothing=FLIP_RATE, **quick
    )
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert abs(ours - dpo_losses(chosen, rejected, BETA, torch.zeros(2)).mean().item()) > 1e-3


def test_unpaired_apo_zero_equals_trls(
    tiny_base: BaseModel,
    pool: AdapterPool,
    models: dict[str, Any],
    quick: dict[str, Any],
) -> None:
    batch = two_pairs(tiny_base)
    sums = measured_ratios(tiny_base, pool, batch) * batch.is_reply.sum(dim=1)
    losses = apo_zero_losses(sums, BETA, IS_LIKED)
    trainer: Any = KTOTrainer(
        **models,
        args=KTOConfig(
            loss_type="apo_zero_unpaired", desirable_weight=0.5, undesirable_weight=1.5, **quick
        ),
        train_dataset=datasets.Dataset.from_list(
            [{"prompt": "a", "completion": "b", "label": True}]
        ),
        processing_class=tiny_base.renderer.tokenizer,
    )
    with torch.no_grad():
        inputs = {**trl_inputs(batch), "label": IS_LIKED}
        theirs = trainer.compute_loss(trainer.model, inputs).item()
    ours = (torch.where(IS_LIKED, 0.5, 1.5) * losses).mean().item()
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert (losses - 0.5).abs().min() > 1e-3  # not the value at equal models


def test_the_drift_equals_the_sum_over_the_vocabulary(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    batch = two_pairs(tiny_base)
    with torch.no_grad(), pool.use(1):
        ours = kl_from_base(tiny_base, pool, batch).mean().item()
        adapter, base = (
            tiny_base.model(input_ids=batch.ids, attention_mask=batch.attention).logits.softmax(-1)
            for _ in pool_slots(pool)
        )
    per_token = (adapter * (adapter / base).log()).sum(dim=-1)
    predicts_reply = batch.is_reply.roll(-1, dims=1)
    assert ours == pytest.approx(per_token[predicts_reply].mean().item(), abs=1e-5)


def pool_slots(pool: AdapterPool) -> Iterator[None]:
    """One turn with the adapter, one without."""
    for slot in (1, 0):
        with pool.use(slot):
            yield


def test_supervised_loss_equals_the_models_own(tiny_base: BaseModel) -> None:
    batch = two_pairs(tiny_base)
    with torch.no_grad():
        ours = -reply_log_probs(tiny_base, batch).sum() / batch.is_reply.sum()
        labels = batch.ids.masked_fill(~batch.is_reply, -100)
        theirs = tiny_base.model(
            input_ids=batch.ids, attention_mask=batch.attention, labels=labels
        ).loss
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)


def test_kept_tokens_cost_their_divergence_and_written_ones_their_surprise(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    batch = two_pairs(tiny_base)
    is_kept = batch.is_reply & (batch.ids % 2 == 0)
    assert is_kept.any() and (batch.is_reply & ~is_kept).any()
    batch = replace(batch, is_kept=is_kept, weights=batch.weights * (1 + batch.ids % 3))
    with torch.no_grad(), pool.use(1):
        drift = kl_from_base(tiny_base, pool, batch)
        log_probs = reply_log_probs(tiny_base, batch)
        with pool.use(0):
            reference = reply_states(tiny_base, batch)
        states = reply_states(tiny_base, batch)
        losses, totals = supervised_losses(tiny_base, batch, states, reference)
    first = batch.ids.shape[1] - log_probs.shape[1]
    is_reply, is_kept, weights = (
        each[:, first:] for each in (batch.is_reply, batch.is_kept, batch.weights)
    )
    costs = -log_probs
    costs[is_kept] = drift[is_kept[is_reply]]
    assert torch.allclose(totals, weights.sum(dim=1))
    assert torch.allclose(losses, (weights * costs).sum(dim=1) / totals, atol=1e-5)
