"""Runs a real Open WebUI, and does through its HTTP API what its page does."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 600
PASSWORD = "correct horse battery staple"
ADMIN = "admin@example.org"
OFFLINE = {
    "OFFLINE_MODE": "true",
    "HF_HUB_OFFLINE": "1",
    "USE_SLIM": "true",  # without local models for audio and retrieval
    "RAG_EMBEDDING_MODEL": "",
    "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
    "ENABLE_OLLAMA_API": "false",
    "ENABLE_COMMUNITY_SHARING": "false",
    "ANONYMIZED_TELEMETRY": "false",
}


@dataclass(frozen=True)
class Member:
    """A person who is signed in to Open WebUI."""

    id: str
    email: str
    token: str
    url: str

    def client(self) -> httpx.Client:
        """A client of Open WebUI's own API, as this person."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=120)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to one call."""
        with self.client() as client:
            answer = client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


@contextmanager
def open_webui(folder: Path, environment: Mapping[str, str]) -> Iterator[Member]:
    """Start Open WebUI of the environment in `OPEN_WEBUI`; yields its admin."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        **OFFLINE,
        "DATA_DIR": str(folder),
        "WEBUI_SECRET_KEY": secrets.token_hex(32),
        "WEBUI_ADMIN_EMAIL": ADMIN,
        "WEBUI_ADMIN_PASSWORD": PASSWORD,
        "WEBUI_ADMIN_NAME": "Admin",
        "BYPASS_MODEL_ACCESS_CONTROL": "true",
        **environment,
    }
    folder.mkdir(parents=True, exist_ok=True)
    program = Path(os.environ["OPEN_WEBUI"]) / "bin" / "open-webui"
    command = [str(program), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "open-webui.log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(process, url, folder / "open-webui.log")
        yield sign_in(url, ADMIN)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def sign_in(url: str, email: str) -> Member:
    """Sign a person in."""
    body = {"email": email, "password": PASSWORD}
    answer = httpx.post(f"{url}/api/v1/auths/signin", json=body, timeout=120).json()
    return Member(answer["id"], email, answer["token"], url)


def new_member(admin: Member, name: str) -> Member:
    """Make a person who may chat."""
    email = f"{name}@example.org"
    body = {"name": name, "email": email, "password": PASSWORD, "role": "user"}
    admin.call("POST", "/auths/add", body)
    return sign_in(admin.url, email)


def install_function(admin: Member, content: str, valves: Mapping[str, Any]) -> None:
    """Install an event function, set its valves and turn it on, as an admin does by hand."""
    meta = {"description": "Sends feedback to Loralei"}
    body = {"id": "loralei", "name": "Loralei", "content": content, "meta": meta}
    admin.call("POST", "/functions/create", body)
    admin.call("POST", "/functions/id/loralei/valves/update", dict(valves))
    admin.call("POST", "/functions/id/loralei/toggle")


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(timeout=60) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if client.get(f"{url}/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
    raise AssertionError(f"Open WebUI did not start: {log.read_text(errors='replace')[-3000:]}")
