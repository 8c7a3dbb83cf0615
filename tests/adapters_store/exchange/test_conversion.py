"""An imported adapter computes what PEFT computes with the folder it came from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapters_store.base_model import BaseModel
from adapters_store.errors import AdapterInvalidError
from adapters_store.exchange.conversion import convert_imported
from adapters_store.exchange.imported_config import read_imported_config
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import linear_shapes
from adapters_store.records import LoraConfig
from adapters_store.validate import validate_adapter
from tests.adapters_store.exchange.foreign import (
    IDS,
    load_base,
    read_config,
    served_logits,
    train_elsewhere,
)

LORA = LoraConfig(rank=8, alpha=16.0)
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NAME = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


def take_in(base: Path, folder: Path, lora: LoraConfig = LORA) -> None:
    """Import a PEFT folder, and check it as an adapter of the deployment."""
    shapes = linear_shapes(load_base(base), lora.targets)
    named: dict[str, Any] = {"base_model": "tiny", "base_revision": "r0"}
    config = read_imported_config(read_config(folder), rank=lora.rank)
    convert_imported(folder, config, lora=lora, shapes=shapes, **named)
    validate_adapter(folder, lora=lora, shapes=shapes, **named)


@pytest.mark.parametrize(
    "settings",
    [
        {"r": 8, "lora_alpha": 16, "target_modules": ALL},
        {"r": 4, "lora_alpha": 8, "target_modules": ALL},
        {"r": 8, "lora_alpha": 5, "target_modules": ALL},
        {"r": 1, "lora_alpha": 3, "target_modules": ALL},
        {"r": 6, "lora_alpha": 8, "use_rslora": True, "target_modules": ALL},
        {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]},
        {"r": 8, "lora_alpha": 16, "target_modules": "all-linear"},
        {"r": 8, "lora_alpha": 16, "target_modules": r".*\.(q|down)_proj"},
        {"r": 8, "lora_alpha": 16, "target_modules": ["layers.1.self_attn.o_proj", "up_proj"]},
        {"r": 8, "target_modules": ALL, "layers_to_transform": [1], "layers_pattern": "layers"},
        {"r": 8, "target_modules": ALL, "exclude_modules": ["down_proj"]},
        {
            "r": 8,
            "target_modules": ALL,
            "rank_pattern": {
                "q_proj": 2,
                "layers.0.mlp.up_proj": 3,
                "^model.layers.1.mlp.gate_proj": 7,
            },
            "alpha_pattern": {"down_proj": 32, "layers.1.self_attn.q_proj": 1},
        },
        {"r": 4, "target_modules": ALL, "use_rslora": True, "rank_pattern": {"v_proj": 2}},
        {"r": 8, "target_modules": ALL, "init_lora_weights": "orthogonal"},
        {"r": 8, "target_modules": ALL, "fan_in_fan_out": True},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:fan_in_fan_out:UserWarning")
def test_the_logits_are_those_of_peft(
    tiny_model_folder: Path, tiny_base: BaseModel, tmp_path: Path, settings: dict[str, Any]
) -> None:
    expected = train_elsewhere(tiny_model_folder, tmp_path / "theirs", **settings)
    plain = tiny_base.model(IDS).logits
    take_in(tiny_model_folder, _uploaded(tmp_path / "theirs"))
    actual = served_logits(tiny_base, LORA, load_file(tmp_path / "theirs" / WEIGHTS_FILE))
    assert (expected - plain).abs().max() > 0.3
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_keep_their_values(
    tiny_model_folder: Path, tiny_base: BaseModel, tmp_path: Path, dtype: torch.dtype
) -> None:
    settings: dict[str, Any] = {"r": 2, "lora_alpha": 4, "target_modules": ["v_proj"]}
    expected = train_elsewhere(tiny_model_folder, tmp_path / "theirs", dtype=dtype, **settings)
    take_in(tiny_model_folder, _uploaded(tmp_path / "theirs"))
    tensors = load_file(tmp_path / "theirs" / WEIGHTS_FILE)
    torch.testing.assert_close(served_logits(tiny_base, LORA, tensors), expected)


def test_weights_that_need_no_change_keep_their_bytes(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    train_elsewhere(tiny_model_folder, tmp_path / "theirs", r=8, lora_alpha=16, target_modules=ALL)
    folder = _uploaded(tmp_path / "theirs")
    before = (folder / WEIGHTS_FILE).read_bytes()
    take_in(tiny_model_folder, folder)
    assert (folder / WEIGHTS_FILE).read_bytes() == before


def test_a_deployment_of_fewer_targets_takes_an_adapter_of_these(
    tiny_model_folder: Path, tiny_base: BaseModel, tmp_path: Path
) -> None:
    lora = LoraConfig(rank=4, alpha=8.0, targets=("q_proj", "v_proj"))
    settings: dict[str, Any] = {"r": 4, "lora_alpha": 4, "target_modules": ["v_proj"]}
    expected = train_elsewhere(tiny_model_folder, tmp_path / "theirs", **settings)
    take_in(tiny_model_folder, _uploaded(tmp_path / "theirs"), lora)
    tensors = load_file(tmp_path / "theirs" / WEIGHTS_FILE)
    torch.testing.assert_close(
        served_logits(tiny_base, lora, tensors), expected, rtol=1e-4, atol=1e-4
    )


def test_a_target_that_is_not_adapted_here_is_refused(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    lora = LoraConfig(rank=8, alpha=16.0, targets=("q_proj",))
    train_elsewhere(tiny_model_folder, tmp_path / "theirs", r=8, target_modules=ALL)
    with pytest.raises(AdapterInvalidError, match=r"adapts .*setting lora.targets"):
        take_in(tiny_model_folder, _uploaded(tmp_path / "theirs"), lora)


@pytest.fixture
def theirs(tiny_model_folder: Path, tmp_path: Path) -> Path:
    train_elsewhere(
        tiny_model_folder, tmp_path / "theirs", r=4, target_modules=["q_proj", "v_proj"]
    )
    return _uploaded(tmp_path / "theirs")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({NAME: None}, "has no lora_A"),
        ({NAME: torch.ones(4, 32)}, r"has shape \[4, 32\], expected \[4, 64\]: .* other sizes"),
        ({NAME: torch.ones(3, 64)}, r"has shape \[3, 64\], expected \[4, 64\]"),
        ({NAME: torch.ones(4)}, "has shape"),
        ({NAME: torch.ones(4, 64, dtype=torch.float64)}, "has dtype F64"),
        ({NAME: torch.full((4, 64), float("nan"))}, "NaN"),
        ({"base_model.model.lm_head.weight": torch.ones(2, 2)}, "no LoRA matrix"),
        ({NAME.replace("layers.0", "layers.7"): torch.ones(4, 64)}, "has no lora_B"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_weights_that_do_not_fit_are_refused_with_the_reason(
    tiny_model_folder: Path, theirs: Path, change: dict[str, torch.Tensor | None], reason: str
) -> None:
    tensors = load_file(theirs / WEIGHTS_FILE) | change
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, theirs / WEIGHTS_FILE)
    with pytest.raises(AdapterInvalidError, match=reason):
        take_in(tiny_model_folder, theirs)


def test_a_listed_target_without_weights_is_refused(tiny_model_folder: Path, theirs: Path) -> None:
    tensors = load_file(theirs / WEIGHTS_FILE)
    kept = {name: tensor for name, tensor in tensors.items() if "layers.1" not in name}
    save_file(kept, theirs / WEIGHTS_FILE)
    with pytest.raises(AdapterInvalidError, match="2 linears of target_modules have no weights"):
        take_in(tiny_model_folder, theirs)


def test_a_file_without_weights_is_refused(tiny_model_folder: Path, theirs: Path) -> None:
    save_file({}, theirs / WEIGHTS_FILE)
    with pytest.raises(AdapterInvalidError):
        take_in(tiny_model_folder, theirs)


def test_values_that_the_scaling_makes_infinite_are_refused(
    tiny_model_folder: Path, theirs: Path
) -> None:
    tensors = load_file(theirs / WEIGHTS_FILE)
    save_file({name: tensor * 1e38 for name, tensor in tensors.items()}, theirs / WEIGHTS_FILE)
    config = read_config(theirs) | {"lora_alpha": 1e6}
    shapes = linear_shapes(load_base(tiny_model_folder), ())
    named: dict[str, Any] = {"base_model": "tiny", "base_revision": "r0", "shapes": shapes}
    convert_imported(theirs, read_imported_config(config, rank=8), lora=LORA, **named)
    with pytest.raises(AdapterInvalidError, match="infinite"):
        validate_adapter(theirs, lora=LORA, **named)


def _uploaded(folder: Path) -> Path:
    """The folder as the server gets it: weights and configuration."""
    (folder / "README.md").unlink()
    return folder
