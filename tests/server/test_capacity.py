import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.test_bad_input import assert_refused


@pytest.fixture
def small(tiny_model: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that lets one request wait."""
    with running(
        tiny_model, tmp_path / "data", threads=1, max_batch_size=1, queue_limit=1
    ) as server:
        yield server


@contextmanager
def held(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the engine from doing anything: what is asked, waits."""
    engine, released = server.local_engine, threading.Event()
    step = engine.step

    def step_when_released() -> None:
        released.wait(30)
        step()

    monkeypatch.setattr(engine, "step", step_when_released)
    try:
        yield
    finally:
        released.set()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_full_queue_is_a_503_before_the_first_byte(
    small: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = chat_body(stream=True)
    with (
        small.admin() as admin,
        held(small, monkeypatch),
        admin.stream("POST", "/v1/chat/completions", json=body),
    ):
        refused = admin.post("/v1/chat/completions", json=body)
    assert_refused(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "server_is_overloaded"


def test_a_user_with_too_many_waiting_requests_is_a_429_and_others_are_not(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = chat_body(stream=True, n=8)
    with running(
        tiny_model, tmp_path / "data", threads=1, max_batch_size=1, user_queue_limit=8
    ) as server:
        other = server.new_person()
        with (
            server.admin() as admin,
            server.client(other.key) as client,
            held(server, monkeypatch),
            admin.stream("POST", "/v1/chat/completions", json=body),
        ):
            refused = admin.post("/v1/chat/completions", json=chat_body())
            with client.stream("POST", "/v1/chat/completions", json=body) as accepted:
                assert accepted.status_code == 200
    assert_refused(refused, 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


def test_a_short_reply_is_not_kept_waiting_by_a_flood(tiny_model: Path, tmp_path: Path) -> None:
    body = chat_body(stream=True, n=8, max_tokens=100_000, ignore_eos=True)
    with running(tiny_model, tmp_path / "data", threads=1, max_batch_size=8) as server:
        other, engine = server.new_person(), server.services.runtime.engine
        with (
            server.admin() as admin,
            admin.stream("POST", "/v1/chat/completions", json=body),
            admin.stream("POST", "/v1/chat/completions", json=body),
        ):
            reply = server.chat(other.key, max_tokens=4, ignore_eos=True)
            assert engine.num_running + engine.num_waiting >= 16
    assert reply["usage"]["completion_tokens"] == 4


def test_a_user_whose_storage_is_full_is_a_429_and_can_chat_unstored(
    tiny_model: Path, tmp_path: Path
) -> None:
    with (
        running(tiny_model, tmp_path / "data", threads=1, max_user_items=1) as server,
        server.admin() as admin,
    ):
        server.chat(server.admin_key)
        refused = admin.post("/v1/chat/completions", json=chat_body())
        assert server.chat(server.admin_key, store=False)["choices"]
        assert server.chat(server.new_person().key)["choices"]
    assert_refused(refused, 429)
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert refused.headers["x-should-retry"] == "false"


def test_old_exchanges_are_deleted_at_the_start(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", threads=1) as server:
        server.chat(server.admin_key)
    with running(tiny_model, tmp_path / "data", threads=1, retention_days=1e-9) as server:
        log, admin = server.services.stores.log, server.services.accounts.first_admin()
        eventually(lambda: log.storage_use(admin.id).items == 0)


def test_choices_that_do_not_all_fit_are_refused_together(
    small: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small.admin() as admin:
        with held(small, monkeypatch):
            assert_refused(admin.post("/v1/chat/completions", json=chat_body(n=2)), 503)
        eventually(lambda: not small.services.runtime.engine.is_busy)
        assert small.chat(small.admin_key)["choices"]


def test_the_sdk_retries_an_overload_and_it_is_one_turn(
    small: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = small.new_person()
    thread = threading.Thread(target=ask, args=(small, person))
    with (
        small.admin() as admin,
        held(small, monkeypatch),
        admin.stream("POST", "/v1/chat/completions", json=chat_body(stream=True)),
    ):
        thread.start()
        eventually(lambda: 'status="503"' in small.services.metrics.text().decode())
    thread.join(30)
    assert small.services.stores.log.counts(person.id).interactions == 1


def ask(server: LiveServer, person: Person) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=person.key) as sdk:
        sdk.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "hello"}], max_tokens=4
        )
