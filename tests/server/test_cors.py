"""Other web pages call the API only if the operator allows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.live import LiveServer, listening

PAGE = "https://chat.example"
ASKING = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type",
}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def shared(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that one other page may use."""
    data = tmp_path_factory.mktemp("shared-origin") / "data"
    with listening(tiny_model, data, cors_origins=[PAGE]) as server:
        yield server


def test_without_the_setting_no_page_is_allowed(live: LiveServer) -> None:
    with live.client() as nobody:
        for answer in (
            nobody.options(CHAT, headers=ASKING),
            nobody.get("/health", headers={"Origin": PAGE}),
        ):
            assert "access-control-allow-origin" not in answer.headers


def test_a_page_that_is_allowed_may_send_a_key(shared: LiveServer) -> None:
    with shared.client() as nobody:
        answer = nobody.options(CHAT, headers=ASKING)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]


def test_a_page_that_is_allowed_can_read_errors(shared: LiveServer) -> None:
    with shared.client() as nobody:
        refused = nobody.get("/v1/me", headers={"Origin": PAGE})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == PAGE


def test_another_page_is_not_allowed(shared: LiveServer) -> None:
    with shared.client() as nobody:
        for answer in (
            nobody.options(CHAT, headers=ASKING | {"Origin": "https://evil.example"}),
            nobody.get("/health", headers={"Origin": "https://evil.example"}),
        ):
            assert "access-control-allow-origin" not in answer.headers


def test_a_page_can_read_what_a_crash_says(
    shared: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.services.stores.runs, "count_by_status", None)
    with shared.client() as nobody:
        crashed = nobody.get("/metrics", headers={"Origin": PAGE})
    assert crashed.status_code == 500
    assert crashed.headers["access-control-allow-origin"] == PAGE
    assert crashed.json()["error"]["code"] == "internal_error"
