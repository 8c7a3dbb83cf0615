"""`GET /v1`, and the routes that say what to use in their place."""

import pytest

from tests.server.live import LiveServer, Person
from tests.server.test_bad_input import assert_refused


def test_the_index_names_the_routes_that_answer(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        index = client.get("/v1").json()
        assert client.get(index["description"]).status_code == 200
    assert {"POST /v1/chat/completions", "POST /v1/responses", "GET /v1/models"} <= set(
        index["routes"]
    )
    assert not any("/admin/" in each or "embeddings" in each for each in index["routes"])


def test_the_index_needs_a_key(live: LiveServer) -> None:
    with live.client() as nobody:
        assert_refused(nobody.get("/v1"), 401)


@pytest.mark.parametrize(
    ("path", "instead"), [("/v1/embeddings", "embedding model"), ("/v1/messages", "/v1/responses")]
)
def test_a_route_that_is_not_planned_says_what_to_use(
    live: LiveServer, person: Person, path: str, instead: str
) -> None:
    with live.client(person.key) as client:
        refused = client.post(path, json={"model": "tiny", "input": "hello"})
    assert_refused(refused, 404)
    assert instead in refused.json()["error"]["message"]
