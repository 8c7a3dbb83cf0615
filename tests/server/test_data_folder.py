import stat
from pathlib import Path

import pytest

from server.data_folder import SERVER_FILE, DataFolder, DataFolderInUseError, find_server


def test_only_one_server_uses_a_data_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with pytest.raises(DataFolderInUseError):
        DataFolder(tmp_path / "data")
    folder.release()
    DataFolder(tmp_path / "data").release()


def test_a_running_server_is_found_until_it_stops(tmp_path: Path) -> None:
    assert find_server(tmp_path) is None
    folder = DataFolder(tmp_path)
    assert find_server(tmp_path) is None
    folder.announce("http://127.0.0.1:8000", "token")
    server = find_server(tmp_path)
    assert server is not None
    assert (server.url, server.token) == ("http://127.0.0.1:8000", "token")
    folder.release()
    assert find_server(tmp_path) is None


def test_only_its_owner_can_read_the_token(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.announce("http://127.0.0.1:8000", "token")
    assert stat.S_IMODE((tmp_path / SERVER_FILE).stat().st_mode) == 0o600
    folder.release()


def test_the_file_of_a_killed_server_is_ignored(tmp_path: Path) -> None:
    (tmp_path / SERVER_FILE).write_text('{"url": "http://x", "token": "old", "pid": 1}')
    assert find_server(tmp_path) is None
    folder = DataFolder(tmp_path)
    assert find_server(tmp_path) is None
    folder.release()
