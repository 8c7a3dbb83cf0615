"""Wrong keys: who sends many is locked out for a while, and right keys are not."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.live import LiveServer, listening
from tests.server.test_bad_input import assert_refused

PRESET = "a-key-of-the-operator"


@pytest.fixture(autouse=True)
def a_lock_out_outlasts_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.accounts.lockout.FIRST_SECONDS", 60.0)


@pytest.fixture
def strict(tiny_model: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that locks out after three wrong keys; its first admin has a chosen key."""
    with listening(tiny_model, tmp_path / "data", max_wrong_keys=3, admin_key=PRESET) as server:
        yield server


def try_key(server: LiveServer, key: str | None, forwarded: str | None = None) -> httpx.Response:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with server.client(key, **headers) as client:
        return client.get("/v1/me/rules")


def lock_out(server: LiveServer, forwarded: str | None = None) -> None:
    for number in range(3):
        assert_refused(try_key(server, f"wrong-{number}", forwarded), 401)


def test_many_wrong_keys_are_a_429_that_says_when_to_come_back(strict: LiveServer) -> None:
    lock_out(strict)
    refused = try_key(strict, "wrong-again")
    assert_refused(refused, 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_a_clock_that_is_set_back_prolongs_no_lock_out(
    strict: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_out(strict)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 2 * 24 * 3600)
    assert int(try_key(strict, "wrong-again").headers["retry-after"]) <= 60


def test_a_wrong_password_is_a_wrong_key(strict: LiveServer) -> None:
    with httpx.Client(base_url=strict.url) as client:
        answers = [
            client.delete("/api/public/scores/x", auth=("anything", f"wrong-{number}"))
            for number in range(4)
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_a_lock_out_is_logged_once(strict: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        lock_out(strict)
        for number in range(20):
            try_key(strict, f"wrong-{number}")
    [record] = caplog.records
    assert "127.0.0.1" in record.message and "wrong-" not in record.message


def test_a_right_key_passes_while_its_address_is_locked_out(strict: LiveServer) -> None:
    with strict.client(strict.services.cli_token) as admin:
        made = admin.post("/v1/admin/users", json={"name": "frontend", "kind": "user"}).json()
    lock_out(strict)
    assert try_key(strict, made["key"]).status_code == 200
    assert try_key(strict, strict.services.cli_token).status_code == 200


def test_a_key_that_can_be_guessed_is_not_even_checked_meanwhile(strict: LiveServer) -> None:
    assert try_key(strict, PRESET).status_code == 200
    lock_out(strict)
    assert_refused(try_key(strict, PRESET), 429)


def test_no_key_is_no_wrong_key(strict: LiveServer) -> None:
    for _ in range(9):
        assert_refused(try_key(strict, None), 401)
    assert_refused(try_key(strict, "wrong"), 401)


def test_a_stranger_cannot_pretend_to_be_behind_a_proxy(strict: LiveServer) -> None:
    for number in range(3):
        try_key(strict, "wrong", forwarded=f"10.0.0.{number}")
    assert_refused(try_key(strict, "wrong", forwarded="10.0.0.9"), 429)


def test_behind_a_trusted_proxy_only_the_address_that_it_names_is_locked_out(
    tiny_model: Path, tmp_path: Path
) -> None:
    options = {"max_wrong_keys": 3, "trusted_proxies": ["127.0.0.0/8"]}
    with listening(tiny_model, tmp_path / "data", **options) as server:
        lock_out(server, forwarded="10.0.0.1")
        # What a client writes before the proxy adds its address is not believed.
        assert_refused(try_key(server, "wrong", forwarded="10.0.0.7, 10.0.0.1"), 429)
        assert_refused(try_key(server, "wrong", forwarded="10.0.0.2"), 401)
