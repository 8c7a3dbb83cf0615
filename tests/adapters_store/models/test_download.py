"""A download survives interruptions and arrives unchanged, or not at all."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from adapters_store.errors import ModelFetchError
from adapters_store.models.download import Progress, download
from tests.adapters_store.models.file_server import FileServer, serve_file

CONTENT = bytes(range(256)) * 8192  # 2 MiB: more than the sockets' buffers
SHA256 = sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters_store.models.download.RETRY_WAITS", (0.0, 0.0, 0.0))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve_file(FileServer(CONTENT)) as file:
        yield file


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.whl"


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "file.whl.partial"


def ignore(phase: str, done: int, total: int) -> None:
    pass


def fetch(file: FileServer, target: Path, progress: Progress = ignore) -> None:
    download(file.url, target, sha256=SHA256, progress=progress)


def test_a_file_arrives_unchanged(server: FileServer, target: Path, partial: Path) -> None:
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert not partial.exists()


def test_progress_counts_bytes_up_to_the_total(server: FileServer, target: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    fetch(server, target, lambda *progress: seen.append(progress))
    assert seen[-1] == ("downloading", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})


def test_an_earlier_interruption_is_continued(
    server: FileServer, target: Path, partial: Path
) -> None:
    partial.write_bytes(CONTENT[:1000])
    seen: list[tuple[str, int, int]] = []
    fetch(server, target, lambda *progress: seen.append(progress))
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    assert seen[0][1] > 1000
    assert seen[-1] == ("downloading", len(CONTENT), len(CONTENT))


def test_a_connection_that_breaks_is_continued(server: FileServer, target: Path) -> None:
    server.cuts = [1_000_000, 500_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges[0] is None
    assert [r is not None for r in server.ranges[1:]] == [True, True]


def test_a_connection_may_break_any_number_of_times_while_it_brings_something(
    server: FileServer, target: Path
) -> None:
    server.cuts = [200_000] * 8
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_more_is_an_error_and_keeps_what_arrived(
    server: FileServer, target: Path, partial: Path
) -> None:
    server.cuts = [100_000, 0, 0, 0]
    with pytest.raises(ModelFetchError, match=r"start again: the 100,000 bytes"):
        fetch(server, target)
    assert partial.read_bytes() == CONTENT[:100_000]
    assert not target.exists()


def test_a_server_that_cannot_continue_sends_everything_again(
    server: FileServer, target: Path, partial: Path
) -> None:
    server.honours_ranges = False
    partial.write_bytes(b"x" * 1000)
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_partial_file_that_is_complete_is_taken(
    server: FileServer, target: Path, partial: Path
) -> None:
    partial.write_bytes(CONTENT)
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long_is_fetched_again(
    server: FileServer, target: Path, partial: Path
) -> None:
    partial.write_bytes(CONTENT + b"x")
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_wrong_checksum_is_an_error_and_keeps_nothing(
    server: FileServer, target: Path, partial: Path
) -> None:
    server.content = b"x" + CONTENT[1:]
    with pytest.raises(ModelFetchError, match="damaged or was tampered with"):
        fetch(server, target)
    assert not target.exists()
    assert not partial.exists()


def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    server: FileServer, target: Path
) -> None:
    server.statuses = [503, 429]
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_an_error(server: FileServer, target: Path) -> None:
    server.statuses = [503] * 4
    with pytest.raises(ModelFetchError, match="the server answered 503"):
        fetch(server, target)


def test_a_missing_file_is_an_error_at_once(server: FileServer, target: Path) -> None:
    server.statuses = [404]
    with pytest.raises(ModelFetchError, match="answered 404"):
        fetch(server, target)
    assert len(server.ranges) == 1


def test_a_server_that_is_not_there_is_an_error_that_says_what_to_check(target: Path) -> None:
    with serve_file(FileServer(CONTENT)) as gone:
        pass
    with pytest.raises(ModelFetchError, match="Check the network connection"):
        fetch(gone, target)


def test_a_file_url_is_copied(target: Path, tmp_path: Path) -> None:
    source = tmp_path / "a mirror.whl"
    source.write_bytes(CONTENT)
    download(source.as_uri(), target, sha256=SHA256, progress=ignore)
    assert target.read_bytes() == CONTENT
    assert source.exists()


def test_a_file_without_a_known_checksum_is_taken_as_it_is(
    server: FileServer, target: Path
) -> None:
    download(server.url, target, sha256=None, progress=ignore)
    assert target.read_bytes() == CONTENT
