"""The file of packed weights: made once, mapped by every process."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from adapters_store.base_model import BaseModel, load_base_model
from adapters_store.records import Precision
from adapters_store.weights.frozen import packed_weights
from adapters_store.weights.packed_file import map_packed, packed_path
from tests.conftest import load_tiny

IDS = torch.tensor([[5, 6, 7, 8]])


def load_mapped(folder: Path, file: Path, precision: Precision = "int8") -> BaseModel:
    return load_base_model(
        folder,
        name="tiny",
        revision="r0",
        device=torch.device("cpu"),
        dtype=torch.float32,
        precision=precision,
        packed=file,
    )


@pytest.mark.parametrize("precision", ["int8", "bfloat16", "float32"])
def test_a_mapped_model_equals_one_that_was_packed_in_memory(
    tiny_model_folder: Path, tmp_path: Path, precision: Precision
) -> None:
    model: Any = load_mapped(tiny_model_folder, tmp_path / "packed", precision).model
    in_memory: Any = load_tiny(tiny_model_folder, precision).model
    assert torch.equal(model(IDS).logits, in_memory(IDS).logits)
    assert model.generation_config.to_dict() == in_memory.generation_config.to_dict()


def test_the_file_is_safetensors_and_aligned(tiny_model_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "packed"
    base = load_mapped(tiny_model_folder, file)
    assert "model.layers.0.mlp.up_proj.values" in load_file(file)
    assert all(weight.values.data_ptr() % 64 == 0 for weight in packed_weights(base.model))


def test_a_file_that_is_there_is_not_written_again(tiny_model_folder: Path, tmp_path: Path) -> None:
    load_mapped(tiny_model_folder, tmp_path / "packed")
    before = (tmp_path / "packed").stat()
    load_mapped(tiny_model_folder, tmp_path / "packed")
    after = (tmp_path / "packed").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("spoiled", ["packed", "packed.sha256"])
def test_a_damaged_file_is_written_again(
    tiny_model_folder: Path, tmp_path: Path, spoiled: str
) -> None:
    file = tmp_path / "packed"
    load_mapped(tiny_model_folder, file)
    before = file.read_bytes()
    content = bytearray((tmp_path / spoiled).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / spoiled).unlink()  # the loaded model maps the old file
    (tmp_path / spoiled).write_bytes(content)
    load_mapped(tiny_model_folder, file)
    assert file.read_bytes() == before


def load_together(together: Barrier, folder: Path, file: Path) -> None:
    together.wait(120)
    load_mapped(folder, file)


def test_processes_that_start_together_make_one_whole_file(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "packed"
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)  # the other process imports torch first
    other = spawn.Process(target=load_together, args=(together, tiny_model_folder, file))
    other.start()
    load_together(together, tiny_model_folder, file)
    other.join(120)
    assert other.exitcode == 0
    shapes = {"lm_head": (259, 64)}
    assert map_packed(file, shapes)["lm_head"].unpack().shape == (259, 64)


def test_the_weights_are_read_from_the_file_not_copied(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "packed"
    base = load_mapped(tiny_model_folder, file)
    address = packed_weights(base.model)[0].values.data_ptr()
    assert _mapped_file(address) == str(file)


def test_other_weights_and_other_precisions_have_files_of_their_own(tmp_path: Path) -> None:
    paths = {
        packed_path(tmp_path, "a", "int8"),
        packed_path(tmp_path, "b", "int8"),
        packed_path(tmp_path, "a", "bfloat16"),
    }
    assert len(paths) == 3
    assert all(path.parent == tmp_path / "packed" for path in paths)


def _mapped_file(address: int) -> str | None:
    """The file whose mapping holds an address."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, *_, last = line.split()
        start, end = (int(part, 16) for part in span.split("-"))
        if start <= address < end:
            return last
    return None
