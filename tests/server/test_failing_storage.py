"""While nothing can be stored, chats are answered, and everybody is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.services import Services
from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused


@contextmanager
def read_only(services: Services) -> Iterator[None]:
    """SQLite refuses to write, as on a file system that became read-only."""
    database = services.stores.database
    database.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        database.execute("PRAGMA query_only = OFF")


def test_a_chat_is_answered_and_says_that_it_was_not_stored(
    live: LiveServer, person: Person
) -> None:
    with read_only(live.services):
        reply = live.chat(person.key)
    assert reply["choices"][0]["message"]["content"]
    assert "was not stored" in reply["loralei"]["not_stored"]
    assert "not_stored" not in live.chat(person.key)["loralei"]
    assert live.services.stores.log.counts(person.id).interactions == 1


def test_a_stream_ends_well_and_says_that_it_was_not_stored(
    live: LiveServer, person: Person
) -> None:
    with read_only(live.services), live.client(person.key) as client:
        response = client.post("/v1/chat/completions", json=chat_body(stream=True))
    last = chunks(response)[-1]
    assert last["choices"][0]["finish_reason"]
    assert "was not stored" in last["loralei"]["not_stored"]


def test_other_requests_are_refused_with_the_reason(live: LiveServer, person: Person) -> None:
    target = live.chat(person.key)["id"]
    with read_only(live.services), live.client(person.key) as client:
        refused = client.post("/v1/feedback", json={"target": target, "value": "up"})
    assert_refused(refused, 503)
    assert refused.json()["error"]["code"] == "storage_unavailable"
    assert "cannot be written" in refused.json()["error"]["message"]


def test_a_server_that_cannot_store_is_not_ready_until_it_can(
    live: LiveServer, person: Person
) -> None:
    with live.client() as nobody:
        with read_only(live.services):
            live.chat(person.key)
            refused = nobody.get("/ready")
            assert_refused(refused, 503)
            assert "cannot be written" in refused.json()["error"]["message"]
            assert "loralei_storing 0.0" in nobody.get("/metrics").text
        assert nobody.get("/ready").status_code == 200
        assert "loralei_storing 1.0" in nobody.get("/metrics").text


def test_housekeeping_goes_on_at_its_next_time(live: LiveServer) -> None:
    with read_only(live.services):
        live.services.housekeep()
    live.services.housekeep()


def test_old_exchanges_that_cannot_be_deleted_are_at_the_next_time(
    tiny_model: Path, tmp_path: Path
) -> None:
    with running(tiny_model, tmp_path / "data", threads=1, retention_days=1e-9) as server:
        log, admin = server.services.stores.log, server.services.accounts.first_admin()
        server.chat(server.admin_key)
        with read_only(server.services):
            server.services.expire()
        assert log.storage_use(admin.id).items == 1
        server.services.expire()
        assert log.storage_use(admin.id).items == 0
