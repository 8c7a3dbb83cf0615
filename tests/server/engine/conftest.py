"""An engine over each of the runners."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters_store.files import AdapterFiles
from adapters_store.records import Precision
from server.engine.engine import EngineConfig, LocalEngine
from tests.server.engine.running import running_engine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> AdapterFiles:
    return AdapterFiles(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module", params=["compiled", "fused", "general"])
def engine(
    request: pytest.FixtureRequest, tiny_model_folder: Path, files: AdapterFiles
) -> Iterator[LocalEngine]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "general":
            patch.setattr("server.engine.engine.family_of", lambda config: None)
        # Small chunks: most prompts take several steps to read.
        config = EngineConfig(max_batch_size=8, prefill_chunk=7, prefix_block=8)
        precision: Precision | None = "float32" if request.param == "compiled" else None
        with running_engine(tiny_model_folder, files, config, precision) as engine:
            yield engine
