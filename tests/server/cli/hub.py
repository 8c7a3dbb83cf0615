"""A stand-in of the Hugging Face Hub: what `huggingface_hub` calls to upload a folder over LFS."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_a_test"
OWNER = "anna"


@dataclass
class Repository:
    """A model repository: its visibility and the files of its last commit."""

    is_private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    message: str = ""


@dataclass
class Hub:
    """The state of the stand-in."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large_files: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a Hub without repositories, which knows one token."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """What is known of a repository."""
        self._route("GET")

    def do_POST(self) -> None:
        """Everything else but files."""
        self._route("POST")

    def do_PUT(self) -> None:
        """A large file; its URL is signed, so there is no token."""
        content = self._body()
        oid = self.path.rpartition("/")[2]
        self.state.large_files[oid] = content
        self._answer(200 if hashlib.sha256(content).hexdigest() == oid else 400, {})

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    def _route(self, method: str) -> None:
        body = self._body()
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"error": "Invalid credentials in Authorization header"})
            return
        for pattern, answer in _ROUTES.items():
            if match := re.fullmatch(pattern, f"{method} {self.path.partition('?')[0]}"):
                self._answer(*answer(self.state, body, *match.groups()))
                return
        self._answer(404, {"error": f"no route {method} {self.path}"})

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        self.wfile.write(content)


Answer = tuple[int, dict[str, Any]]


def _create(hub: Hub, body: bytes) -> Answer:
    asked = json.loads(body)
    owner = asked["organization"] or OWNER
    if owner != OWNER:
        return 403, {"error": f"You have no write access to {owner}"}
    name = f"{owner}/{asked['name']}"
    status = 409 if name in hub.repositories else 200
    hub.repositories.setdefault(name, Repository(asked.get("visibility") == "private"))
    return status, {"name": name, "url": f"{hub.url}/{name}"}


def _info(hub: Hub, _body: bytes, name: str) -> Answer:
    if name not in hub.repositories:
        return 404, {"error": "Repository not found"}
    return 200, {"id": name, "private": hub.repositories[name].is_private, "siblings": []}


def _validate_card(_hub: Hub, body: bytes) -> Answer:
    content = json.loads(body)["content"]
    named = re.search(r"^base_model: (.+)$", content, re.M)
    errors = []
    if named and not re.fullmatch(r"[\w.-]+/[\w.-]+", named[1]):
        errors.append({"message": f'"base_model" with value "{named[1]}" is not valid.'})
    return 400 if errors else 200, {"errors": errors, "warnings": []}


def _preupload(_hub: Hub, body: bytes, _name: str) -> Answer:
    files = [
        {
            "path": each["path"],
            "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular",
            "shouldIgnore": False,
        }
        for each in json.loads(body)["files"]
    ]
    return 200, {"files": files}


def _large_files(hub: Hub, body: bytes, _name: str) -> Answer:
    objects = [
        {**each, "actions": {"upload": {"href": f"{hub.url}/lfs/{each['oid']}"}}}
        for each in json.loads(body)["objects"]
    ]
    return 200, {"transfer": "basic", "objects": objects}


def _commit(hub: Hub, body: bytes, name: str) -> Answer:
    repository = hub.repositories[name]
    for line in map(json.loads, body.splitlines()):
        value = line["value"]
        if line["key"] == "header":
            repository.message = value["summary"]
        elif line["key"] == "file":
            repository.files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            repository.files[value["path"]] = hub.large_files[value["oid"]]
    oid = "0" * 40
    return 200, {"success": True, "commitOid": oid, "commitUrl": f"{hub.url}/{name}/commit/{oid}"}


_ROUTES: dict[str, Any] = {
    r"POST /api/repos/create": _create,
    r"POST /api/validate-yaml": _validate_card,
    r"GET /api/models/([\w.-]+/[\w.-]+)": _info,
    r"POST /api/models/([\w.-]+/[\w.-]+)/preupload/main": _preupload,
    r"POST /([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch": _large_files,
    r"POST /api/models/([\w.-]+/[\w.-]+)/commit/main": _commit,
}
