"""Clients that do not send a whole request, or do not read the response."""

import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.settings import Settings
from tests.server.live import LiveServer, listening
from tests.server.raw import connect, head, is_closed, read_status
from tests.waiting import wait_until

FEEDBACK = "/v1/feedback"


@pytest.fixture(scope="module")
def hurried(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that gives a request a second, and an idle connection two."""
    data = tmp_path_factory.mktemp("hurried") / "data"
    with listening(tiny_model, data, request_timeout=1, keep_alive_timeout=2) as server:
        yield server


def drip(connection: socket.socket, piece: bytes, pause: float) -> bool:
    """Send a piece now and then, until there is an answer; False if there is none in time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
        except ConnectionError:
            return True
        if select.select([connection], [], [], pause)[0]:
            return True
    return False


def test_a_connection_that_sends_nothing_is_closed(hurried: LiveServer) -> None:
    with connect(hurried.url) as silent:
        assert read_status(silent) is None


def test_half_a_head_is_a_408(hurried: LiveServer) -> None:
    with connect(hurried.url) as half:
        half.sendall(head()[:-2])
        assert read_status(half) == 408
        wait_until(lambda: is_closed(half))


def test_a_head_that_drips_is_a_408(hurried: LiveServer) -> None:
    with connect(hurried.url) as dripping:
        dripping.sendall(b"GET /health HTTP/1.1\r\nx: ")
        assert drip(dripping, b"x", 0.05)
        assert read_status(dripping) == 408


def test_half_a_body_is_a_408_that_says_why(hurried: LiveServer) -> None:
    with connect(hurried.url) as half:
        half.sendall(head("POST", FEEDBACK, hurried.admin_key, length=100) + b'{"target": ')
        answer = b""
        while piece := half.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive in time" in answer


def test_a_body_that_drips_is_a_408(hurried: LiveServer) -> None:
    with connect(hurried.url) as dripping:
        dripping.sendall(head("POST", FEEDBACK, hurried.admin_key, length=100_000))
        assert drip(dripping, b"x", 0.05)
        assert read_status(dripping) == 408


def test_a_body_may_take_longer_if_it_is_not_too_slow(hurried: LiveServer) -> None:
    began = time.monotonic()
    with connect(hurried.url) as slow:
        slow.sendall(head("POST", FEEDBACK, hurried.admin_key, length=6000))
        for _ in range(6):
            assert not select.select([slow], [], [], 0.3)[0]
            slow.sendall(b" " * 1000)
        assert time.monotonic() - began > 1.5
        assert read_status(slow) == 400


def test_a_body_that_nobody_reads_ends_with_its_time(hurried: LiveServer) -> None:
    with connect(hurried.url) as unwanted:
        unwanted.sendall(head("POST", FEEDBACK, length=100_000))
        assert read_status(unwanted) == 401
        assert drip(unwanted, b"x", 0.05)
        wait_until(lambda: is_closed(unwanted))


def test_a_connection_is_kept_between_requests_but_not_for_ever(hurried: LiveServer) -> None:
    with connect(hurried.url) as connection:
        connection.sendall(head())
        assert read_status(connection) == 200
        # Longer than a request may take.
        assert not select.select([connection], [], [], 1.3)[0]
        connection.sendall(head())
        assert read_status(connection) == 200
        assert read_status(connection) is None


def test_connections_are_kept_longer_than_usual_proxies_keep_them() -> None:
    assert Settings().keep_alive_timeout >= 75


def test_a_client_that_reads_no_responses_is_closed(hurried: LiveServer) -> None:
    with connect(hurried.url) as deaf:
        deaf.setblocking(False)
        asking = head(path="/openapi.json") * 500
        failed = select.poll()
        failed.register(deaf, select.POLLERR | select.POLLHUP)

        def is_broken() -> bool:
            try:
                deaf.send(asking)
            except BlockingIOError:
                pass
            except ConnectionError:
                return True
            return bool(failed.poll(0))

        wait_until(is_broken)
