from collections.abc import AsyncIterator

import pytest

from server.engine.errors import GenerationError
from server.engine.generation import Generation
from server.engine.records import TextDelta
from tests.server.live import LiveServer, Person, chat_body
from tests.server.sse import raw_events
from tests.server.test_bad_input import assert_refused


def test_a_crash_is_a_500_that_reveals_nothing(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(ids: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(live.services.accounts, "those", fail)
    with live.admin() as admin:
        response = admin.get("/v1/admin/users")
    assert_refused(response, 500)
    assert "secret" not in response.text


async def failing(_: Generation) -> AsyncIterator[TextDelta]:
    yield TextDelta("some", 1)
    raise GenerationError("The model failed: OutOfMemoryError.")


def test_a_failure_in_the_middle_of_a_stream_is_one_envelope(
    live: LiveServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Generation, "__aiter__", failing)
    with live.client(person.key) as client:
        response = client.post("/v1/chat/completions", json=chat_body(stream=True))
        whole = client.post("/v1/chat/completions", json=chat_body())
    last = raw_events(response)[-1]
    assert last.startswith('data: {"error":{"message":"The model failed: OutOfMemoryError."')
    assert '"param":null' in last and '"code":"generation_failed"' in last
    assert_refused(whole, 500)
