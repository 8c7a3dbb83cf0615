"""Only the owner can read what is stored, whatever the modes were before."""

import stat
from pathlib import Path

from server.services import Services
from server.settings import Settings


def modes(folder: Path) -> dict[str, int]:
    """The rights of a folder and of all inside it."""
    found = [folder, *folder.rglob("*")]
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in found}


def test_a_new_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    services = Services(Settings(data_dir=tmp_path / "data"))
    try:
        found = modes(tmp_path / "data")
    finally:
        services.stop()
    assert {"data", "loralei.db", "loralei.db-wal", "adapters"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


def test_a_folder_that_others_could_read_becomes_its_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Services(Settings(data_dir=data)).stop()
    weights = data / "adapters" / ("a" * 32) / "adapter_model.safetensors"
    weights.parent.mkdir()
    weights.touch()
    (data / "base-model.json").write_text('{"model": "tiny"}')
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    Services(Settings(data_dir=data)).stop()
    assert {name: oct(mode) for name, mode in modes(data).items() if mode & 0o077} == {}
    assert modes(data)[weights.name] == 0o600


def test_what_is_not_the_servers_keeps_its_modes(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    (data / "notes").mkdir(parents=True)
    (data / "adapters").mkdir()
    elsewhere.touch()
    (data / "adapters" / "link").symlink_to(elsewhere)
    for path in (data / "notes", elsewhere):
        path.chmod(0o755)
    Services(Settings(data_dir=data)).stop()
    assert modes(tmp_path)["notes"] == modes(tmp_path)["elsewhere"] == 0o755
