"""Runs tests of the API against vLLM: `pytest -p tests.vllm.plugin tests/server/chat/test_chat.py`.

Every base model of a test gets a vLLM server; those that differ in their chat template only share
one. Tests that cannot hold are skipped with a reason.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from adapters_store.models.resolve import fingerprint
from tests import tiny_model
from tests.server import live
from tests.vllm.running import Vllm, vllm_servers

SKIPPED = {
    "test_the_same_seed_gives_the_same_text": "vLLM's draws depend on the batch",
    "test_n_choices_are_written_and_told_apart": "vLLM's draws depend on the batch",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.originalname if isinstance(item, pytest.Function) else item.name
        if reason := SKIPPED.get(name):
            item.add_marker(pytest.mark.skip(reason=reason))
        item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session", autouse=True)
def answers_from_vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    servers: dict[tuple[str, bytes], Vllm] = {}
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:

        def options(model: Path) -> dict[str, Any]:
            key = fingerprint(model), (model / "tokenizer.json").read_bytes()
            if key not in servers:
                folder = tmp_path_factory.mktemp("vllm")
                [servers[key]] = running.enter_context(vllm_servers(model, folder))
            return servers[key].options

        patch.setattr(tiny_model, "HEAD_DIM", 32)
        patch.setattr(live, "engine_options", options)
        yield
