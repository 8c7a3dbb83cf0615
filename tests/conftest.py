"""Fixtures that every package's tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from adapters_store.base_model import BaseModel, load_base_model
from adapters_store.models.built_in import SMALLEST
from adapters_store.models.resolve import resolve_model
from adapters_store.records import Precision
from scheduler.trainer import process
from server.settings import default_model_cache
from tests.tiny_model import build_tiny_model

# How long one example takes says more about a busy machine than about the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The tiny model gains nothing from two threads, and idle threads of other tests cost much."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def training_priority() -> Iterator[None]:
    """Training is as important as the rest: beside other tests it would hardly get any time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "NICENESS", 0)
        yield


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny chat model on disk."""
    return build_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture
def tiny_base(tiny_model_folder: Path) -> BaseModel:
    """The tiny model, freshly loaded: attaching adapters changes a model in place."""
    return load_tiny(tiny_model_folder)


@pytest.fixture(scope="session")
def smallest_model_folder() -> Path:
    """The smallest built-in model, fetched once per machine into the cache that `serve` uses."""
    return resolve_model(SMALLEST, default_model_cache(), lambda phase, done, total: None).path


def load_tiny(folder: Path, precision: Precision | None = None) -> BaseModel:
    """Load the tiny model in float32 on the CPU; without a precision as transformers has it."""
    return load_base_model(
        folder,
        name="tiny",
        revision="r0",
        device=torch.device("cpu"),
        dtype=torch.float32,
        precision=precision,
    )


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests must not see the operator's settings."""
    for name in [name for name in os.environ if name.startswith("LORALEI_")]:
        monkeypatch.delenv(name)
    yield
