"""One tiny model and one shared server; each test makes users of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, Person, running, running_with_tools
from tests.tiny_model import (
    TOOL_TEMPLATE,
    build_thinking_model,
    build_tiny_model,
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder called `tiny`, so that is the model's name."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def live(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server. It never looks for due users by itself."""
    data = tmp_path_factory.mktemp("shared") / "data"
    options: dict[str, Any] = {
        "schedule": {"interval": 0, "nightly": ""},
        "threads": 1,
        "max_batch_size": 4,
        # All tests come from one address, and many send wrong keys.
        "max_wrong_keys": 100_000,
    }
    with running(tiny_model, data, **options) as server:
        yield server


@pytest.fixture(scope="session")
def knowing_tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server whose base model knows tools; its model is called `tiny`, too."""
    folder = tmp_path_factory.mktemp("knowing-tools")
    with running_with_tools(folder, TOOL_TEMPLATE) as server:
        yield server


@pytest.fixture(scope="session")
def thinking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server whose base model thinks "Why?" and replies "Ok."."""
    folder = tmp_path_factory.mktemp("thinking")
    model = build_thinking_model(folder / "tiny")
    schedule = {"interval": 0, "nightly": ""}
    with running(model, folder / "data", schedule=schedule, threads=1) as server:
        yield server


@pytest.fixture
def person(live: LiveServer) -> Person:
    """A user whom no other test knows."""
    return live.new_person()


@pytest.fixture
def frontend(live: LiveServer) -> Person:
    """A frontend that no other test knows."""
    return live.new_person("frontend")
