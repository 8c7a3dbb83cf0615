"""Loralei behind Caddy and nginx, with the files of `deploy/`: `make test-proxies`.

A file that pytest does not find by itself, because it needs both programs.
"""

import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.server.live import LiveServer, running
from tests.server.proxies.running import Proxy, proxying
from tests.waiting import wait_until

# Enough for the first character of the reply.
STEPS_BEFORE_THE_HOLD = 8
UPLOAD_BYTES = 20_000_000


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that trusts a proxy on its machine; three wrong keys lock out for a minute."""
    data = tmp_path_factory.mktemp("behind-a-proxy") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.accounts.lockout.FIRST_SECONDS", 60.0)
        options: dict[str, Any] = {"trusted_proxies": ["127.0.0.1"], "max_wrong_keys": 3}
        schedule = {"interval": 0, "nightly": ""}
        with running(tiny_model, data, threads=1, schedule=schedule, **options) as server:
            yield server


@pytest.fixture(scope="module", params=["caddy", "nginx"])
def proxy(
    request: pytest.FixtureRequest, server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """The proxy in front of it."""
    with proxying(request.param, server.url, tmp_path_factory.mktemp(request.param)) as proxy:
        yield proxy


def client(proxy: Proxy, key: str | None = None, address: str | None = None) -> httpx.Client:
    """A client of the proxy, with this address of the machine."""
    transport = httpx.HTTPTransport(verify=proxy.tls, local_address=address)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=proxy.url, transport=transport, headers=headers, timeout=60)


def sdk(proxy: Proxy, key: str) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{proxy.url}/v1",
        api_key=key,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=proxy.tls),
    )


def test_the_first_words_arrive_before_the_last_are_written(
    server: LiveServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, released = server.local_engine, threading.Event()
    step, steps = engine.step, 0

    def step_until_held() -> None:
        nonlocal steps
        if steps >= STEPS_BEFORE_THE_HOLD and not released.wait(20):
            released.set()  # the test fails, and need not wait at each step
        steps += engine.num_running
        step()

    monkeypatch.setattr(engine, "step", step_until_held)
    try:
        with sdk(proxy, server.new_person().key) as chats:
            stream = chats.chat.completions.create(
                model="tiny",
                messages=[{"role": "user", "content": "hello"}],
                max_tokens=100,
                temperature=0,
                stream=True,
                extra_body={"ignore_eos": True},
            )
            text = ""
            while not text:
                text += next(stream).choices[0].delta.content or ""
            assert steps <= STEPS_BEFORE_THE_HOLD
            released.set()
            rest = [chunk for chunk in stream if chunk.choices]
    finally:
        released.set()
    assert rest[-1].choices[0].finish_reason == "length"


def test_a_client_that_leaves_a_stream_stops_the_reply(server: LiveServer, proxy: Proxy) -> None:
    with sdk(proxy, server.new_person().key) as chats:
        stream = chats.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=400,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        next(stream)
        stream.close()
    wait_until(lambda: not server.services.runtime.engine.is_busy)


def test_20_mb_are_imported(server: LiveServer, proxy: Proxy) -> None:
    person, other = server.new_person(), server.new_person()
    server.chat(person.key)
    with client(proxy, server.admin_key) as admin:
        archive = admin.get(f"/v1/admin/users/{person.id}/export").content
        lines = zipfile.ZipFile(io.BytesIO(archive)).read("feedback.jsonl")
        body = lines + b" " * UPLOAD_BYTES
        made = admin.post(f"/v1/admin/users/{other.id}/feedback", content=body)
    assert (made.status_code, made.json()["rows"]) == (201, 1)


def test_wrong_keys_lock_out_the_address_of_the_client(
    request: pytest.FixtureRequest, proxy: Proxy
) -> None:
    # Both proxies have the same server.
    network = f"127.0.{1 + ['caddy', 'nginx'].index(request.node.callspec.params['proxy'])}"

    def status(last: int, **headers: str) -> int:
        with client(proxy, "wrong", address=f"{network}.{last}") as stranger:
            return stranger.get("/v1/me", headers=headers).status_code

    assert [status(1) for _ in range(4)] == [401, 401, 401, 429]
    assert status(1, **{"X-Forwarded-For": "10.0.0.9"}) == 429
    assert status(2) == 401


def test_the_page_is_public_and_the_metrics_are_not(proxy: Proxy) -> None:
    with client(proxy) as nobody:
        assert nobody.get("/").headers["content-type"].startswith("text/html")
        assert nobody.get("/ready").status_code == 200
        assert nobody.get("/metrics").status_code == 404
