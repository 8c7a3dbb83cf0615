"""The losses against TRL's on the same adapter, model and tokens."""

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

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message
from scheduler.trainers.batches import Batch, collate, tokenise
from scheduler.trainers.losses import dpo_norm_loss, mean_per_token, reply_log_probs
from tests.adapters import LORA, random_adapter
from tests.conftest import load_tiny

BETA = 0.3


def two_pairs(base: BaseModel) -> Batch:
    """Two chosen replies, then the two rejected ones."""
    replies = [("a", "yes indeed"), ("bcd", "no"), ("a", "never"), ("bcd", "perhaps so")]
    rows = [tokenise(base.renderer, [Message("user", p)], reply, 200) for p, reply in replies]
    return collate([row for row in rows if row], base.device)


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


@pytest.mark.filterwarnings("ignore")  # TRL and accelerate announce changes of their own
def test_length_normalised_dpo_equals_trls(
    tiny_base: BaseModel,
    pool: AdapterPool,
    merged_model: PreTrainedModel,
    tiny_model_folder: Path,
    tmp_path: Path,
) -> None:
    batch = two_pairs(tiny_base)
    with torch.no_grad():
        base_chosen, base_rejected = mean_per_token(reply_log_probs(tiny_base, batch), batch).chunk(
            2
        )
        with pool.use(1):
            chosen, rejected = mean_per_token(reply_log_probs(tiny_base, batch), batch).chunk(2)
    ours = dpo_norm_loss(chosen, rejected, base_chosen, base_rejected, BETA)

    trainer: Any = DPOTrainer(
        model=merged_model,
        ref_model=load_tiny(tiny_model_folder).model,
        args=DPOConfig(
            output_dir=str(tmp_path),
            loss_type=["sigmoid_norm"],
            beta=BETA,
            use_cpu=True,
            bf16=False,
            report_to=[],
            disable_dropout=True,
            gradient_checkpointing=False,
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
        processing_class=tiny_base.renderer.tokenizer,
    )
    with torch.no_grad():
        theirs = trainer.compute_loss(trainer.model, trl_inputs(batch))
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    assert abs(ours.item() - 0.6931) > 1e-3  # not the value at equal models


def test_supervised_loss_equals_the_models_own(tiny_base: BaseModel) -> None:
    batch = two_pairs(tiny_base)
    with torch.no_grad():
        ours = -reply_log_probs(tiny_base, batch).sum() / batch.is_reply.sum()
        labels = batch.ids.masked_fill(~batch.is_reply, -100)
        theirs = tiny_base.model(
            input_ids=batch.ids, attention_mask=batch.attention, labels=labels
        ).loss
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
