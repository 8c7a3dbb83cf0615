from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.base_model import BaseOutline, outline_base_model
from adapters_store.files import AdapterFiles
from adapters_store.peft_config import write_peft_config
from adapters_store.records import AdapterVersion
from server.engine.vllm import engine as vllm_engine
from server.engine.vllm.engine import VllmConfig, VllmEngine
from tests.adapters import LORA, publish_random_adapter
from tests.server.engine.vllm.stand_in import StandIn, answering


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after the servers more often than an operator needs."""
    monkeypatch.setattr(vllm_engine, "CHECK_SECONDS", 0.05)


@pytest.fixture(scope="module")
def outline(tiny_model_folder: Path) -> BaseOutline:
    return outline_base_model(tiny_model_folder, name="tiny", revision="r0", targets=())


@pytest.fixture
def files(tmp_path: Path) -> AdapterFiles:
    return AdapterFiles(tmp_path / "adapters")


@pytest.fixture
def links(tmp_path: Path) -> Path:
    return tmp_path / "adapters" / ".vllm"


@pytest.fixture
def version(files: AdapterFiles, outline: BaseOutline, tmp_path: Path) -> AdapterVersion:
    return publish(files, outline, tmp_path, seed=1)


def publish(files: AdapterFiles, outline: BaseOutline, root: Path, *, seed: int) -> AdapterVersion:
    """A random adapter with the configuration that vLLM reads."""
    version = publish_random_adapter(files, outline.shapes, seed)
    write_peft_config(
        root / "adapters" / version.folder,
        lora=LORA,
        base_model="tiny",
        base_revision="r0",
        targets=sorted({path.rpartition(".")[2] for path in outline.shapes}),
    )
    return version


@pytest.fixture
def server(outline: BaseOutline, tiny_model_folder: Path) -> Iterator[StandIn]:
    with answering(StandIn(outline.renderer, str(tiny_model_folder))) as running:
        yield running


@pytest.fixture
def other(outline: BaseOutline, tiny_model_folder: Path) -> Iterator[StandIn]:
    with answering(StandIn(outline.renderer, str(tiny_model_folder))) as running:
        yield running


Asking = Callable[..., AbstractContextManager[VllmEngine]]


@pytest.fixture
def asking(
    outline: BaseOutline, files: AdapterFiles, links: Path, tiny_model_folder: Path
) -> Asking:
    """Starts an engine that asks these servers, and stops it at the end."""

    @contextmanager
    def running(*servers: StandIn, **options: object) -> Iterator[VllmEngine]:
        config = VllmConfig(tuple(each.url for each in servers), links)
        config = replace(config, **options)  # type: ignore[arg-type]
        engine = VllmEngine(outline, LORA, files, config, model_folder=tiny_model_folder)
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()

    return running
