"""More connections than a server can have open, from clients that send little or nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from server.http_server.connections import connection_limit
from tests.server.live import chat_body, listening
from tests.server.own_process import serving
from tests.server.raw import connect, head, is_closed, read_status
from tests.waiting import wait_until

CHAT = "/v1/chat/completions"
MANY = 2000
HALF_A_BODY = b"x" * 500_000


@dataclass(frozen=True)
class CrampedServer:
    """A server that may open 1,024 files, and what it wrote to stderr."""

    url: str
    key: str
    pid: int
    log: Path

    def answers(self) -> list[int]:
        """The statuses of a few requests that must succeed."""
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30) as client:
            chat = client.post(CHAT, json=chat_body())
            return [each.status_code for each in (client.get("/health"), models(client), chat)]

    def memory_mb(self) -> float:
        """The memory that the process has now. Linux only."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


def models(client: httpx.Client) -> httpx.Response:
    return client.get("/v1/models")


@pytest.fixture(scope="module")
def cramped(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrampedServer]:
    folder = tmp_path_factory.mktemp("cramped")
    with (
        (folder / "log").open("wb") as log,
        serving(tiny_model, folder / "data", max_files=1024, log=log) as (process, server),
    ):
        yield CrampedServer(server.url, server.token, process.pid, folder / "log")


@pytest.mark.parametrize(
    "first_bytes",
    [b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: test\r\n", b"\x16\x03\x01\r\n\r\n"],
    ids=["silent", "half a head", "no HTTP"],
)
def test_2000_connections_do_not_stop_the_server(
    cramped: CrampedServer, first_bytes: bytes
) -> None:
    connection_limit(2 * MANY)  # this process needs as many files
    with ExitStack() as opened:
        for _ in range(MANY):
            connection = opened.enter_context(connect(cramped.url))
            if first_bytes:
                connection.sendall(first_bytes)
        assert cramped.answers() == [200, 200, 200]
    [line] = cramped.log.read_text(encoding="utf-8").splitlines()
    assert "ulimit -Hn" in line  # said at the start


def test_unfinished_bodies_without_a_key_are_answered_and_hold_no_memory(
    cramped: CrampedServer,
) -> None:
    assert cramped.answers() == [200, 200, 200]
    before = cramped.memory_mb()
    with ExitStack() as opened:
        connections = [opened.enter_context(connect(cramped.url)) for _ in range(200)]
        for connection in connections:
            connection.sendall(head("POST", CHAT, length=1_000_000) + HALF_A_BODY)
        assert {read_status(connection) for connection in connections} == {401}
        assert cramped.answers() == [200, 200, 200]
        assert cramped.memory_mb() - before < 50  # they have sent 100


def test_the_connection_that_is_idle_longest_is_closed_for_a_new_one(
    tiny_model: Path, tmp_path: Path
) -> None:
    with listening(tiny_model, tmp_path / "data", max_connections=8) as server, ExitStack() as open:
        busy = open.enter_context(connect(server.url))
        busy.sendall(head("POST", "/v1/feedback", server.admin_key, length=2) + b"{")
        first, *others = [open.enter_context(connect(server.url)) for _ in range(7)]
        assert not is_closed(first)
        others.append(open.enter_context(connect(server.url)))
        wait_until(lambda: is_closed(first))
        others[0].sendall(head())
        assert read_status(others[0]) == 200
        # It has used its connection now: others are idle longer.
        others.append(open.enter_context(connect(server.url)))
        wait_until(lambda: is_closed(others[1]))
        assert [is_closed(each) for each in others].count(True) == 1
        busy.sendall(b"}")
        assert read_status(busy) == 400


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "files"),
    [(256, 1024, 512, 1024), (256, 20_000, 4096, 8192), (10_000, 20_000, 4096, 10_000)],
)
def test_connections_take_at_most_half_of_the_files(
    soft: int, hard: int, connections: int, files: int
) -> None:
    program = (
        "import resource; from server.http_server.connections import connection_limit;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
        "print(connection_limit(4096), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=os.environ, text=True, check=True
    )
    assert done.stdout.split() == [str(connections), str(files), str(hard)]
