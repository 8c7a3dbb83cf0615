"""Runs the real application under uvicorn, in a thread, on a free port."""

import itertools
import queue
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from server.engine.engine import LocalEngine
from server.http_server.server import HttpServer
from server.services import Services
from server.settings import Settings, default_model_cache
from tests.tiny_model import build_tiny_model

START_SECONDS = 600  # with vLLM on a busy machine
# Each client would read all certificates of the machine, for servers that speak plain HTTP.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def engine_options(model: Path) -> dict[str, Any]:
    """More settings for servers of this model; `make test-vllm` has vLLM answer."""
    return {}


_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """An account made for one test."""

    id: str
    name: str
    key: str


@dataclass(frozen=True)
class LiveServer:
    """A server that answers, and the means to talk to it."""

    services: Services
    url: str
    admin_key: str

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client with this key, or with none. Close it, or use it in a `with`."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=_NO_TLS)

    def admin(self) -> httpx.Client:
        """A client of the first admin."""
        return self.client(self.admin_key)

    def new_person(self, kind: str = "user") -> Person:
        """Make an account that no other test knows."""
        name = f"{kind}-{next(_numbers)}" if kind != "user" else f"person-{next(_numbers)}"
        with self.admin() as admin:
            made = admin.post("/v1/admin/users", json={"name": name, "kind": kind})
        made.raise_for_status()
        return Person(made.json()["id"], name, made.json()["key"])

    @property
    def local_engine(self) -> LocalEngine:
        """The engine in this process."""
        engine = self.services.runtime.engine
        assert isinstance(engine, LocalEngine)
        return engine

    def chat(self, key: str, text: str = "hello", **body: Any) -> dict[str, Any]:
        """One unstreamed reply of a few tokens."""
        with self.client(key) as client:
            response = client.post("/v1/chat/completions", json=chat_body(text, **body))
        response.raise_for_status()
        reply: dict[str, Any] = response.json()
        return reply


def chat_body(text: str = "hello", **body: Any) -> dict[str, Any]:
    """A chat request for a few tokens of the tiny model."""
    messages = [{"role": "user", "content": text}]
    return {"model": "tiny", "messages": messages, "max_tokens": 8, "temperature": 0} | body


@contextmanager
def running(model: Path, data_dir: Path, **options: Any) -> Iterator[LiveServer]:
    """Start a server on this model and data, with these settings, and stop it at the end."""
    with listening(model, data_dir, **options) as server:
        assert server.services.wait_until_loaded(START_SECONDS), server.services.failure
        yield server


@contextmanager
def running_with_tools(folder: Path, chat_template: str, **tokenizer: Any) -> Iterator[LiveServer]:
    """Start a server in this folder whose base model's chat template shows tools."""
    model = build_tiny_model(
        folder / "tiny", chat_template=chat_template, context_length=1024, **tokenizer
    )
    schedule = {"interval": 0, "nightly": ""}
    with running(model, folder / "data", schedule=schedule, threads=1) as server:
        yield server


@contextmanager
def listening(model: Path, data_dir: Path, **options: Any) -> Iterator[LiveServer]:
    """The same, without waiting for the model."""
    # Packed weights of a test's own folder lie beside it, those of a model by name in the cache.
    if model.is_dir() and default_model_cache() not in model.parents:
        options.setdefault("model_cache", model.parent / "model-cache")
    # A sampled reply may be empty by chance; a test that samples says so.
    options.setdefault("sampling", {"temperature": 0})
    options = engine_options(model) | options
    settings = Settings(model=str(model), data_dir=data_dir, port=0, **options)
    services = Services(settings)
    urls: queue.Queue[str] = queue.Queue()
    server = HttpServer(services, on_listening=urls.put)
    thread = threading.Thread(target=server.run, name="live server")
    thread.start()
    try:
        url = urls.get(timeout=START_SECONDS)
        yield LiveServer(services, url, services.new_admin_key or services.cli_token)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        services.stop()
