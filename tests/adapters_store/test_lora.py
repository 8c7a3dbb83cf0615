"""The LoRA layer against the bare model and against PEFT."""

from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool, side_by_side
from adapters_store.records import LoraConfig
from tests.adapters import LORA, random_adapter
from tests.conftest import load_tiny

IDS = torch.arange(3, 43).reshape(2, 20)


def logits(base: BaseModel) -> Tensor:
    with torch.inference_mode():
        output: Tensor = base.model(input_ids=IDS).logits
    return output


def peft_config() -> peft.LoraConfig:
    return peft.LoraConfig(
        task_type="CAUSAL_LM",
        init_lora_weights=False,
        r=LORA.rank,
        lora_alpha=int(LORA.alpha),
        target_modules="all-linear",
    )


def test_slot_0_gives_the_bare_models_logits(tiny_base: BaseModel) -> None:
    bare = logits(tiny_base)
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    assert torch.equal(logits(tiny_base), bare)


def test_slot_0_rows_of_a_mixed_batch_stay_bare(tiny_base: BaseModel) -> None:
    bare = logits(tiny_base)
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    with pool.use([0, 1]):
        mixed = logits(tiny_base)
    assert torch.equal(mixed[0], bare[0])
    assert not torch.allclose(mixed[1], bare[1], atol=0.1)


def test_an_adapter_of_the_pool_gives_the_same_logits_in_peft(
    tiny_base: BaseModel, tiny_model_folder: Path, tmp_path: Path
) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    with pool.use(1):
        ours = logits(tiny_base)
    save_file(pool.read(1, torch.float32), tmp_path / "adapter_model.safetensors")
    peft_config().save_pretrained(str(tmp_path))
    fresh = load_tiny(tiny_model_folder)
    theirs = peft.PeftModel.from_pretrained(fresh.model, str(tmp_path)).eval()
    torch.testing.assert_close(ours, theirs(input_ids=IDS).logits, atol=1e-4, rtol=0)


def test_an_adapter_made_with_peft_gives_the_same_logits_in_the_pool(
    tiny_base: BaseModel, tiny_model_folder: Path, tmp_path: Path
) -> None:
    made = peft.get_peft_model(load_tiny(tiny_model_folder).model, peft_config()).eval()
    made.save_pretrained(str(tmp_path))
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, load_file(tmp_path / "adapter_model.safetensors"))
    with pool.use(1):
        ours = logits(tiny_base)
    torch.testing.assert_close(ours, made(input_ids=IDS).logits, atol=1e-4, rtol=0)
    assert not torch.allclose(ours, logits(tiny_base), atol=0.1)


def test_a_mixed_batch_equals_single_rows(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    pool.load(2, random_adapter(pool.shapes, seed=2))
    with pool.use([1, 2]):
        mixed = logits(tiny_base)
    for row, slot in enumerate([1, 2]):
        with pool.use(slot):
            torch.testing.assert_close(mixed[row], logits(tiny_base)[row], atol=1e-4, rtol=0)


def test_reading_a_slot_returns_what_was_loaded(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    tensors = random_adapter(pool.shapes, seed=1)
    pool.load(1, tensors)
    for name, tensor in pool.read(1, torch.float32).items():
        torch.testing.assert_close(tensor, tensors[name])


def test_a_cleared_slot_is_no_adapter(tiny_base: BaseModel) -> None:
    bare = logits(tiny_base)
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    pool.clear(1)
    with pool.use(1):
        assert torch.equal(logits(tiny_base), bare)


def test_only_the_trained_slot_has_gradients(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    for slot in (1, 2):
        pool.load(slot, random_adapter(pool.shapes, seed=slot))
    with pool.train(2):
        weights = [weight for weights in pool.trained_weights(2) for weight in weights]
        with pool.use(2):
            tiny_base.model(input_ids=IDS).logits.sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in weights)
    assert all(parameter.grad is None for parameter in tiny_base.model.parameters())


@pytest.mark.parametrize("slots", [1, [1, 2], [0, 0]])
def test_passes_with_other_slots_have_no_gradients(
    tiny_base: BaseModel, slots: int | list[int]
) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    with pool.train(2), pool.use(slots):
        assert not tiny_base.model(input_ids=IDS).logits.requires_grad


def test_training_moves_the_slot_in_place(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=3)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    pool.load(2, random_adapter(pool.shapes, seed=2))
    before = pool.read(1, torch.float32)
    with pool.train(2), torch.no_grad():
        for weights in pool.trained_weights(2):
            torch._foreach_zero_(weights)
    assert not any(weight.any() for weight in pool.read(2, torch.float32).values())
    assert all(
        torch.equal(before[name], each) for name, each in pool.read(1, torch.float32).items()
    )


def test_outside_of_training_there_are_no_trained_weights(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    with pool.train(1):
        pass
    with pytest.raises(ValueError, match="slot 1 is not trained"):
        pool.trained_weights(1)


def test_the_slot_of_the_base_is_not_trained(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    with pytest.raises(ValueError, match="slot 0"), pool.train(0):
        pass


@pytest.mark.parametrize(("share", "trained"), [(1.0, {0, 1}), (0.5, {1}), (0.1, {1})])
def test_only_the_upper_blocks_are_trained(
    tiny_base: BaseModel, share: float, trained: set[int]
) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    pool.train_upper(share)
    with pool.train(1), pool.use(1):
        tiny_base.model(input_ids=IDS).logits.sum().backward()
        layers = pool.layers.items()
        moved = {
            path for path, layer in layers if layer.trained and layer.trained[1][0].grad is not None
        }
    assert {int(path.split(".")[2]) for path in moved} == trained
    assert pool.trained_parameters == pool.slot_parameters * len(trained) // 2


def test_slot_0_refuses_an_adapter(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    with pytest.raises(ValueError, match="slot 0"):
        pool.load(0, random_adapter(pool.shapes, seed=1))


def test_a_misshapen_adapter_is_refused_and_the_slot_is_unchanged(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, num_slots=2)
    with pytest.raises(ValueError, match="shape"):
        pool.load(1, random_adapter(pool.shapes, seed=1, rank=LORA.rank + 1))
    assert not any(layer.A[1].any() for layer in pool.layers.values())


def test_targets_choose_the_layers(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LoraConfig(targets=("q_proj", "v_proj")), num_slots=2)
    assert pool.target_modules == ["q_proj", "v_proj"]
    assert len(pool.layers) == 4


def test_an_unknown_target_is_refused(tiny_base: BaseModel) -> None:
    with pytest.raises(ValueError, match="w_proj"):
        AdapterPool(tiny_base.model, LoraConfig(targets=("w_proj",)), num_slots=2)


def test_the_output_head_is_never_adapted(tiny_base: BaseModel) -> None:
    assert "lm_head" not in AdapterPool(tiny_base.model, LORA, num_slots=2).layers


def test_adapters_side_by_side_give_the_logits_of_pefts_cat_combination(
    tiny_base: BaseModel, tiny_model_folder: Path
) -> None:
    theirs = peft.get_peft_model(load_tiny(tiny_model_folder).model, peft_config(), "own").eval()
    theirs.add_adapter("organisation", peft_config())
    names = ["own", "organisation"]
    theirs.add_weighted_adapter(names, [1.0, 1.0], "both", combination_type="cat")
    theirs.set_adapter("both")
    pool = AdapterPool(tiny_base.model, LORA.widened(2), num_slots=2)
    tensors = [peft.get_peft_model_state_dict(theirs, adapter_name=name) for name in names]
    pool.load(1, side_by_side(tensors, 2 * LORA.rank))
    with torch.inference_mode(), pool.use(1):
        expected = theirs(input_ids=IDS).logits
        torch.testing.assert_close(logits(tiny_base), expected, atol=1e-4, rtol=1e-4)


def test_an_adapter_alone_in_a_wider_pool_gives_the_same_logits(
    tiny_base: BaseModel, tiny_model_folder: Path
) -> None:
    narrow = load_tiny(tiny_model_folder)
    pool = AdapterPool(narrow.model, LORA, num_slots=2)
    tensors = random_adapter(pool.shapes, seed=1)
    pool.load(1, tensors)
    wide = AdapterPool(tiny_base.model, LORA.widened(2), num_slots=2)
    wide.load(1, side_by_side([tensors], 2 * LORA.rank))
    with pool.use(1), wide.use(1):
        torch.testing.assert_close(logits(tiny_base), logits(narrow), atol=1e-5, rtol=1e-5)
