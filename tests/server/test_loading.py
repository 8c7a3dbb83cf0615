"""What a server does before its model answers."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from adapters_store.models.resolve import ResolvedModel
from server.base_model.prepare import prepare_model
from tests.server.live import START_SECONDS, LiveServer, chat_body, listening
from tests.server.test_bad_input import assert_refused


def test_while_the_model_loads_everything_answers_that_does_not_need_it(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()

    def prepare_when_allowed(*arguments: Any) -> ResolvedModel:
        may_load.wait(START_SECONDS)
        return prepare_model(*arguments)

    monkeypatch.setattr("server.services.prepare_model", prepare_when_allowed)
    with listening(tiny_model, tmp_path / "data", threads=1) as server:
        try:
            assert_only_the_model_is_missing(server)
        finally:
            may_load.set()
        assert server.services.wait_until_loaded(START_SECONDS)
        assert server.chat(server.admin_key)["choices"]


def assert_only_the_model_is_missing(server: LiveServer) -> None:
    with server.admin() as admin:
        for path in ("/", "/admin", "/health", "/metrics", "/v1/me", "/v1/admin/adapters"):
            assert admin.get(path).status_code == 200, path
        for refused in (
            admin.get("/ready"),
            admin.get("/v1/models"),
            admin.post("/v1/chat/completions", json=chat_body()),
        ):
            assert_refused(refused, 503)
            assert refused.headers["retry-after"]


def test_a_server_is_there_before_pytorch_is_imported() -> None:
    code = (
        "import sys, server.http_server.server;"
        " assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
