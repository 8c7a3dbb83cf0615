"""The folders from which vLLM loads a user's version over the organisation's."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from adapters_store.base_model import BaseOutline
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion, StackedAdapter
from server.engine.vllm.adapter_links import AdapterLinks, name_of
from tests.adapters import LORA
from tests.server.engine.vllm.conftest import publish


@pytest.fixture
def stacked(
    version: AdapterVersion, files: AdapterFiles, outline: BaseOutline, tmp_path: Path
) -> StackedAdapter:
    return StackedAdapter(version, publish(files, outline, tmp_path, seed=2))


def test_two_versions_are_one_peft_folder_of_both_ranks(
    stacked: StackedAdapter, files: AdapterFiles, links: Path
) -> None:
    folder = AdapterLinks(links, files).make(stacked)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (2 * LORA.rank, 2 * LORA.alpha)
    own, both = (
        load_file(each / "adapter_model.safetensors") for each in (files.open(stacked.own), folder)
    )
    for name, tensor in own.items():
        axis = 0 if "lora_A" in name else 1
        assert both[name].shape[axis] == 2 * tensor.shape[axis]
        assert both[name].narrow(axis, 0, LORA.rank).equal(tensor)


def test_it_is_erased_once_one_of_them_is(
    stacked: StackedAdapter, files: AdapterFiles, links: Path
) -> None:
    made = AdapterLinks(links, files)
    made.make(stacked)
    assert made.erased([stacked]) == set()
    files.remove(stacked.organisation)
    assert made.erased([stacked]) == {name_of(stacked)}


def test_its_name_is_that_of_neither_alone(stacked: StackedAdapter) -> None:
    assert name_of(stacked) not in {name_of(stacked.own), name_of(stacked.organisation)}
