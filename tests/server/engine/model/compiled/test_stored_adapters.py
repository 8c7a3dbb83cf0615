"""Packed adapters in files: the same again, or none."""

from pathlib import Path

import pytest
import torch

from adapters_store.files import AdapterFiles
from server.engine.engine import EngineConfig
from server.engine.model.compiled.adapters import AddressedAdapter
from server.engine.model.compiled.stored_adapters import StoredAdapters
from server.engine.records import SamplingParams
from tests.adapters import LORA, publish_random_adapter
from tests.server.engine.running import replies, running_engine

ADAPTER = AddressedAdapter(
    torch.arange(64, dtype=torch.bfloat16), torch.tensor([[[0, 64], [-1, -1]]])
)


def test_an_adapter_is_read_as_it_was_written(tmp_path: Path) -> None:
    stored = StoredAdapters("layout")
    stored.write(tmp_path, "sum", ADAPTER)
    found = stored.read(tmp_path, "sum")
    assert found
    assert torch.equal(found.buffer, ADAPTER.buffer)
    assert torch.equal(found.places, ADAPTER.places)


def test_one_of_other_weights_or_of_another_layout_is_not_read(tmp_path: Path) -> None:
    StoredAdapters("layout").write(tmp_path, "sum", ADAPTER)
    assert StoredAdapters("layout").read(tmp_path, "other") is None
    assert StoredAdapters("other").read(tmp_path, "sum") is None


def test_a_new_layout_replaces_the_old_one(tmp_path: Path) -> None:
    StoredAdapters("old").write(tmp_path, "sum", ADAPTER)
    StoredAdapters("new").write(tmp_path, "sum", ADAPTER)
    [only] = tmp_path.iterdir()
    assert StoredAdapters("new").read(tmp_path, "sum") is not None
    assert only.is_file()


def test_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    stored = StoredAdapters("layout")
    stored.write(tmp_path, "sum", ADAPTER)
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert stored.read(tmp_path, "sum") is None


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    StoredAdapters("layout").write(tmp_path / "gone", "sum", ADAPTER)


def test_an_adapter_is_packed_once_and_says_the_same_after_a_restart(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, texts = AdapterFiles(tmp_path), []
    for restart in (False, True):
        with running_engine(tiny_model_folder, files, EngineConfig(max_batch_size=2)) as engine:
            if not restart:
                version = publish_random_adapter(files, engine.shapes, 1, lora=LORA)
            else:
                monkeypatch.setattr(
                    "server.engine.model.compiled.adapters.AdapterTable.pack",
                    lambda *_: pytest.fail("packed again"),
                )
            texts += replies(engine, [("hello", SamplingParams(temperature=0), version)])
    assert texts[0] == texts[1]
