"""Methods that a route does not have, and HEAD, which every route that can be read has."""

import httpx
import pytest

from tests.server.live import LiveServer, Person

READABLE = ["/", "/health", "/ready", "/web/chat/chat.js", "/v1/models", "/v1/me"]


@pytest.mark.parametrize("path", READABLE)
def test_head_is_get_without_the_body(live: LiveServer, person: Person, path: str) -> None:
    with live.client(person.key) as client:
        read, headed = client.get(path), client.head(path)
    assert (headed.status_code, headed.content) == (200, b"")
    changing = ("date", "x-request-id")
    assert without(headed.headers, changing) == without(read.headers, changing)


def without(headers: httpx.Headers, names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def test_head_needs_a_key_where_get_does(live: LiveServer) -> None:
    with live.client() as nobody:
        assert nobody.head("/v1/models").status_code == 401


def test_head_of_a_stream_of_events_ends_at_once(live: LiveServer, person: Person) -> None:
    runs = live.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=1.0)
    with live.admin() as admin:
        headed = admin.head(f"/v1/admin/runs/{run.id}/events")
        assert headed.headers["content-type"].startswith("text/event-stream")
        # The connection is free for the next request.
        assert admin.get("/health").status_code == 200
        admin.post(f"/v1/admin/runs/{run.id}/cancel").raise_for_status()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/chat/completions", "GET, HEAD, POST"),
        ("PUT", "/v1/chat/completions/x", "GET, HEAD, POST, DELETE"),
        ("GET", "/v1/me/rules/x", "PUT, DELETE"),
        ("POST", "/health", "GET, HEAD"),
        ("HEAD", "/v1/responses", "POST"),
        ("PUT", "/v1/responses/x", "GET, HEAD, DELETE"),
        ("A" * 100, "/v1/me", "GET, HEAD, DELETE"),
    ],
)
def test_a_405_names_all_methods_of_its_path(
    live: LiveServer, person: Person, method: str, path: str, allowed: str
) -> None:
    with live.client(person.key) as client:
        refused = client.request(method, path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == allowed
    if method != "HEAD":
        assert allowed in refused.json()["error"]["message"]
