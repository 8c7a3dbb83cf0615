import json
import time
from http.client import HTTPConnection
from typing import Any

from tests.server.live import LiveServer, Person, chat_body

LONG: dict[str, Any] = {"max_tokens": 900, "ignore_eos": True}


def wait_until_busy(live: LiveServer, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not live.services.runtime.engine.is_busy:
        assert time.monotonic() < deadline, "nothing was generated"
        time.sleep(0.001)


def wait_until_idle(live: LiveServer, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while live.services.runtime.engine.is_busy:
        assert time.monotonic() < deadline, "still generating for a client that left"
        time.sleep(0.01)


def stored(live: LiveServer, person: Person) -> list[dict[str, Any]]:
    """The person's interactions, as soon as there is one."""
    deadline = time.monotonic() + 5
    while True:
        rows = list(
            live.services.stores.database.query(
                "select status from interactions where user_id = ?", [person.id]
            )
        )
        if rows:
            return rows
        assert time.monotonic() < deadline, "nothing was recorded"
        time.sleep(0.01)


def test_a_client_that_leaves_a_stream_stops_the_generation(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        body = chat_body(stream=True, **LONG)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            next(response.iter_bytes())
    wait_until_idle(live, 1.0)
    assert [row["status"] for row in stored(live, person)] == ["aborted"]


def test_a_client_that_does_not_wait_for_a_whole_reply_stops_it(
    live: LiveServer, person: Person
) -> None:
    connection = HTTPConnection(live.url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {person.key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(chat_body(n=8, **LONG)), headers)
    wait_until_busy(live, 5.0)
    connection.close()
    wait_until_idle(live, 1.0)
    assert [row["status"] for row in stored(live, person)] == ["aborted"]


def test_an_aborted_reply_is_not_listed_as_learnable(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        body = chat_body(stream=True, **LONG)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            next(response.iter_bytes())
    stored(live, person)
    interactions, feedback = live.services.stores.log.turns_with_feedback(person.id)
    assert (interactions, feedback) == ([], [])
