"""Two cells on this machine: `a` has the first half of the users, `b` the second."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, running

SHARES = {"a": 50.0, "b": 50.0}


def cell(name: str, model: Path, folder: Path) -> Any:
    schedule = {"interval": 0, "nightly": ""}
    options: dict[str, Any] = {"cell": name, "cells": SHARES, "schedule": schedule, "threads": 1}
    return running(model, folder / name, max_wrong_keys=100_000, **options)


@pytest.fixture(scope="module")
def cells(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LiveServer, LiveServer]]:
    folder = tmp_path_factory.mktemp("cells")
    with cell("a", tiny_model, folder) as a, cell("b", tiny_model, folder) as b:
        yield a, b


@pytest.fixture
def a(cells: tuple[LiveServer, LiveServer], monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """The cell of the command line."""
    monkeypatch.setenv("LORALEI_DATA_DIR", str(cells[0].services.settings.data_dir))
    return cells[0]


@pytest.fixture
def b(cells: tuple[LiveServer, LiveServer]) -> LiveServer:
    return cells[1]
