"""Only folders that are exactly an adapter of this deployment get through."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from adapters_store.errors import AdapterInvalidError
from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import check_peft_config, write_peft_config
from adapters_store.records import LoraConfig
from adapters_store.validate import validate_adapter
from tests.adapters_store.make import (
    BASE_MODEL,
    BASE_REVISION,
    LORA,
    SHAPES,
    edit_config,
    make_tensors,
    write_adapter,
)
from tests.tiny_model import build_tiny_model

NAME = "base_model.model.model.layers.0.q_proj.lora_A.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


def validate(folder: Path, **changes: Any) -> None:
    arguments: dict[str, Any] = {"lora": LORA, "base_model": BASE_MODEL, "shapes": SHAPES}
    validate_adapter(folder, **(arguments | changes))


def refuse(folder: Path, reason: str, **changes: Any) -> None:
    with pytest.raises(AdapterInvalidError, match=reason):
        validate(folder, **changes)


def write_raw(folder: Path, header: bytes, data: bytes = b"") -> None:
    (folder / WEIGHTS_FILE).write_bytes(struct.pack("<Q", len(header)) + header + data)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_sound_adapter_is_accepted(tmp_path: Path, dtype: torch.dtype) -> None:
    validate(write_adapter(tmp_path / "adapter", make_tensors(dtype)))


def test_the_card_is_optional(folder: Path) -> None:
    (folder / "README.md").unlink()
    validate(folder)


def test_metadata_in_the_header_is_allowed(folder: Path) -> None:
    save_file(make_tensors(), folder / WEIGHTS_FILE, metadata={"format": "pt"})
    validate(folder)


@pytest.mark.parametrize("name", ["adapter_config.json", WEIGHTS_FILE])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refuse(folder, "is missing")


@pytest.mark.parametrize("name", ["adapter_model.bin", "optimizer.pt", ".hidden", "handler.py"])
def test_any_other_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    refuse(folder, "not allowed")


def test_a_subfolder_is_refused(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    refuse(folder, "not a regular file")


@pytest.mark.parametrize("name", ["adapter_config.json", WEIGHTS_FILE, "README.md"])
def test_a_link_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    refuse(folder, "not a regular file")


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    refuse(tmp_path / "link", "not a folder")


def test_a_pipe_is_refused_without_waiting_for_it(folder: Path) -> None:
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    refuse(folder, "not a regular file")


def test_oversized_weights_are_refused_unread(folder: Path) -> None:
    os.truncate(folder / WEIGHTS_FILE, 1 << 40)
    refuse(folder, "at most")


def test_an_oversized_configuration_is_refused(folder: Path) -> None:
    edit_config(folder, revision="x" * 100_000)
    refuse(folder, "at most")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 60_000, "\xff"])
def test_a_configuration_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / "adapter_config.json").write_bytes(text.encode("latin-1"))
    refuse(folder, "is not")


@pytest.mark.parametrize(
    "changes",
    [
        {"peft_type": "LOHA"},
        {"peft_type": None},
        {"r": 4},
        {"r": "2"},
        {"r": 1e400},
        {"lora_alpha": 8},
        {"lora_alpha": float("nan")},
        {"base_model_name_or_path": "another"},
        {"base_model_name_or_path": None},
        {"target_modules": ["q_proj"]},
        {"target_modules": ["q_proj", "down_proj", "lm_head"]},
        {"target_modules": "all-linear"},
        {"target_modules": None},
        {"target_modules": [["q_proj"], "down_proj"]},
        {"task_type": "SEQ_CLS"},
        {"bias": "all"},
        {"init_lora_weights": "pissa"},
        {"use_rslora": True},
        {"use_dora": True},
        {"fan_in_fan_out": True},
        {"rank_pattern": {"q_proj": 1}},
        {"alpha_pattern": {"q_proj": 1}},
        {"modules_to_save": ["lm_head"]},
        {"layers_to_transform": [0]},
        {"something_of_the_future": 1},
    ],
)
def test_a_configuration_that_means_something_else_is_refused(
    folder: Path, changes: dict[str, Any]
) -> None:
    edit_config(folder, **changes)
    refuse(folder, "adapter_config.json")


def test_rank_one_is_not_true(folder: Path) -> None:
    edit_config(folder, r=True)
    refuse(folder, "r is True", lora=LoraConfig(rank=1, alpha=4.0))


def test_settings_that_are_off_are_allowed(folder: Path) -> None:
    edit_config(folder, use_dora=False, rank_pattern={}, loftq_config={}, corda_config=None)
    validate(folder)


def test_another_exact_revision_of_the_base_is_refused(folder: Path) -> None:
    validate(folder, base_revision=BASE_REVISION)
    refuse(folder, "revision", base_revision="b" * 64)


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_revision_that_names_no_exact_weights_is_allowed(
    folder: Path, revision: str | None
) -> None:
    edit_config(folder, revision=revision)
    validate(folder, base_revision=BASE_REVISION)


def test_a_missing_tensor_is_refused(folder: Path) -> None:
    tensors = make_tensors()
    del tensors[NAME]
    save_file(tensors, folder / WEIGHTS_FILE)
    refuse(folder, "1 tensors are missing")


def test_an_unexpected_tensor_is_refused(folder: Path) -> None:
    save_file(make_tensors() | {"model.norm.weight": torch.ones(4)}, folder / WEIGHTS_FILE)
    refuse(folder, "unexpected tensor 'model.norm.weight'")


def test_another_rank_in_the_tensors_is_refused(folder: Path) -> None:
    save_file(make_tensors() | {NAME: torch.ones(3, 4)}, folder / WEIGHTS_FILE)
    refuse(folder, r"shape \[3, 4\], expected \[2, 4\]")


@pytest.mark.parametrize("dtype", [torch.float64, torch.int8, torch.float8_e4m3fn])
def test_another_dtype_is_refused(folder: Path, dtype: torch.dtype) -> None:
    save_file(make_tensors() | {NAME: torch.ones(2, 4).to(dtype)}, folder / WEIGHTS_FILE)
    refuse(folder, "has dtype")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_with_which_sums_overflow_are_refused(
    folder: Path, dtype: torch.dtype, sign: int
) -> None:
    tensors = make_tensors(dtype)
    tensors[NAME][1, 3] = sign * torch.finfo(dtype).max
    save_file(tensors, folder / WEIGHTS_FILE)
    refuse(folder, "sums overflow")
    tensors[NAME][1, 3] = sign * 9000
    save_file(tensors, folder / WEIGHTS_FILE)
    validate(folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused(
    folder: Path, dtype: torch.dtype, value: float
) -> None:
    tensors = make_tensors(dtype)
    tensors[NAME][1, 3] = value
    save_file(tensors, folder / WEIGHTS_FILE)
    refuse(folder, "NaN or infinite")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_largest_finite_numbers_are_accepted(folder: Path, dtype: torch.dtype) -> None:
    tensors = make_tensors(dtype)
    tensors[NAME][0, 0] = torch.finfo(dtype).max
    tensors[NAME][0, 1] = torch.finfo(dtype).min
    save_file(tensors, folder / WEIGHTS_FILE)
    validate(folder)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 10_000,
        b'{"x": 1}',
        b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        b'{"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
        b'{"x": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]}}',
    ],
)
def test_a_broken_header_is_refused(folder: Path, header: bytes) -> None:
    write_raw(folder, header)
    refuse(folder, "not a safetensors file")


def test_a_pickle_with_the_right_name_is_refused(folder: Path) -> None:
    torch.save(make_tensors(), folder / WEIGHTS_FILE)
    refuse(folder, "not a safetensors file")


def test_bytes_behind_the_tensors_are_refused(folder: Path) -> None:
    with (folder / WEIGHTS_FILE).open("ab") as file:
        file.write(b"payload")
    refuse(folder, "not a safetensors file")


def test_cut_off_weights_are_refused(folder: Path) -> None:
    os.truncate(folder / WEIGHTS_FILE, (folder / WEIGHTS_FILE).stat().st_size - 1)
    refuse(folder, "not a safetensors file")


@given(st.binary(max_size=300))
def test_any_bytes_as_configuration_are_refused_without_a_crash(text: bytes) -> None:
    with pytest.raises(AdapterInvalidError):
        check_peft_config(
            text, lora=LORA, base_model=BASE_MODEL, base_revision=None, targets={"q_proj"}
        )


def test_peft_loads_what_was_written_and_computes_the_same(tmp_path: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(build_tiny_model(tmp_path / "base"))
    layer = base.model.layers[0].self_attn.q_proj
    weight = layer.weight.detach().clone()
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    folder = tmp_path / "adapter"
    folder.mkdir()
    tensors = {f"{name}.lora_A.weight": torch.randn(2, 64)}
    tensors[f"{name}.lora_B.weight"] = torch.randn(64, 2)
    for index in (0, 1):
        at = name.replace("layers.0", f"layers.{index}")
        tensors[f"{at}.lora_A.weight"] = tensors[f"{name}.lora_A.weight"].clone()
        tensors[f"{at}.lora_B.weight"] = tensors[f"{name}.lora_B.weight"].clone()
    save_file(tensors, folder / WEIGHTS_FILE)
    write_peft_config(folder, lora=LORA, base_model="tiny", base_revision="r", targets=["q_proj"])
    merged = PeftModel.from_pretrained(base, str(folder)).merge_and_unload()
    saved = load_file(folder / WEIGHTS_FILE)
    low_rank = saved[f"{name}.lora_B.weight"] @ saved[f"{name}.lora_A.weight"]
    expected = weight + LORA.scaling * low_rank
    actual = merged.model.layers[0].self_attn.q_proj.weight
    np.testing.assert_allclose(actual.detach(), expected, rtol=1e-5, atol=1e-5)


def test_the_configuration_names_the_exact_base(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (BASE_MODEL, BASE_REVISION)
