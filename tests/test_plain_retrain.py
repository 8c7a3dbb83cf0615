"""`docs/examples/plain_retrain.py` as a reader runs it, on the tiny model."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file

from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from adapters_store.validate import validate_adapter
from tests.conftest import load_tiny

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs/examples/plain_retrain.py"
CORRECTIONS = SCRIPT.with_name("corrections.jsonl")
IDS = torch.arange(3, 43).reshape(2, 20)


def test_it_lowers_both_losses_and_writes_an_adapter_that_peft_and_the_product_load(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    command = [sys.executable, str(SCRIPT), str(CORRECTIONS), str(adapter)]
    result = subprocess.run(
        [*command, "--model", str(tiny_model_folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert result.returncode == 0, result.stderr
    found = re.findall(r"supervised loss (\S+), preference loss (\S+)", result.stdout)
    (supervised, preference), (supervised_after, preference_after) = found
    assert float(supervised_after) < float(supervised)
    assert float(preference_after) < float(preference)

    ours = load_tiny(tiny_model_folder).model
    bare = ours(input_ids=IDS).logits
    pool = AdapterPool(ours, LoraConfig(), num_slots=2)
    validate_adapter(
        adapter, lora=pool.config, base_model=tiny_model_folder.name, shapes=pool.shapes
    )
    pool.load(1, load_file(adapter / "adapter_model.safetensors"))
    theirs = peft.PeftModel.from_pretrained(load_tiny(tiny_model_folder).model, str(adapter))
    with torch.inference_mode(), pool.use(1):
        adapted = ours(input_ids=IDS).logits
        torch.testing.assert_close(adapted, theirs(input_ids=IDS).logits, atol=1e-4, rtol=0)
    assert not torch.allclose(adapted, bare, atol=1e-2)


@pytest.mark.parametrize(
    "line", ["not JSON", '["a list"]', '{"prompt": "Why?", "reply": "So."}', '{"prompt": 1}', ""]
)
def test_a_malformed_line_is_named(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CORRECTIONS.read_text(encoding="utf-8").splitlines()[0]
    file = tmp_path / "mine.jsonl"
    file.write_text(f"{first}\n{line}\n{first}\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"mine\.jsonl, line 2: needs"):
        run(file, tmp_path / "adapter", monkeypatch)
    assert not (tmp_path / "adapter").exists()


def test_a_file_without_corrections_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    with pytest.raises(SystemExit, match="holds no corrections"):
        run(file, tmp_path / "adapter", monkeypatch)


def run(corrections: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(corrections), str(adapter)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
