"""Calls a Loralei server with one key."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from server.client.errors import error_in, json_of, reaching_server
from server.client.reply import Reply, ReplyStream, whole_reply

Json = dict[str, Any]
Messages = str | Sequence[Mapping[str, Any]]

FINAL = frozenset({"promoted", "passed", "refused", "failed", "cancelled"})
"""How a run of the training or of the evaluation suite ends."""
POLL_SECONDS = 0.3
_TIMEOUT = httpx.Timeout(300.0, connect=10.0)
# A proxy must not stand between a person and their own machine.
_DIRECT = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))


class Client:
    """One key's view of a server. Every call raises `ApiError` if it is refused.

    `url` is `http://host:port`, with or without `/v1`. Threads may share a client.
    """

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        with reaching_server():
            self._http = httpx.Client(
                base_url=url.rstrip("/").removesuffix("/v1"),
                headers={"authorization": f"Bearer {key}"},
                timeout=_TIMEOUT,
                transport=transport,
                mounts=None if transport else _DIRECT,
            )

    def chat(self, messages: Messages, **options: Any) -> Reply:
        """The reply to a text, or to messages of a `role` and a `content`.

        `options` are fields of the request, such as `temperature=0` or `loralei={"memory": False}`.
        """
        body = self._chat_body(messages, options)
        return whole_reply(self.post("/v1/chat/completions", body))

    @contextmanager
    def stream(self, messages: Messages, **options: Any) -> Iterator[ReplyStream]:
        """The same, piece by piece. The server stops writing if the block is left early."""
        body = self._chat_body(messages, options) | {"stream": True}
        request = self._http.build_request("POST", "/v1/chat/completions", json=body)
        with reaching_server():
            response = self._http.send(request, stream=True)
        with closing(response):
            if response.is_error:
                with reaching_server():
                    response.read()
                raise error_in(response)
            yield ReplyStream(response)

    @cached_property
    def model(self) -> str:
        """The base model's name in requests."""
        return str(self.get("/v1/models")["data"][0]["id"])

    def feedback(
        self,
        target: str,
        *,
        rating: Literal["up", "down"] | None = None,
        correction: str | None = None,
        comment: str | None = None,
        preferred_over: str | None = None,
    ) -> Json:
        """Say what you think of a reply, at least one thing; returns the stored feedback."""
        said = {
            "value": rating,
            "correction": correction,
            "comment": comment,
            "preferred_over": preferred_over,
        }
        given = {name: value for name, value in said.items() if value is not None}
        return self.post("/v1/feedback", {"target": target, **given})

    def delete_feedback(self, feedback_id: str) -> None:
        """Take feedback back."""
        self.delete(f"/v1/feedback/{_part(feedback_id)}")

    def my_feedback(self, target: str | None = None) -> Iterator[Json]:
        """My feedback, oldest first; of one reply, if `target` names it."""
        return self._pages("/v1/feedback", {"target": target} if target else {})

    def me(self) -> Json:
        """Who I am, which adapter answers me, and what it learned."""
        return self.get("/v1/me")

    def rules(self) -> list[Json]:
        """The rules that my feedback shows, with my decisions on them."""
        rules: list[Json] = self.get("/v1/me/rules")["data"]
        return rules

    def users(self) -> list[Json]:
        """Every account, for an admin."""
        return list(self._pages("/v1/admin/users", {}))

    def add_user(self, name: str, kind: str = "user", **identity: Any) -> str:
        """Make an account, as an admin, and return its key.

        `identity` says how a frontend names its users, as `POST /v1/admin/users` has it.
        """
        return str(self.post("/v1/admin/users", {"name": name, "kind": kind, **identity})["key"])

    def train(self, user: str) -> Json:
        """Queue a training of this user, as an admin, and return its run."""
        return self.post(f"/v1/admin/adapters/{_part(user)}/train")

    def follow(self, run_id: str) -> Iterator[Json]:
        """A training run now and after each change, until it has ended."""
        return self.poll(f"/v1/admin/runs/{_part(run_id)}")

    def poll(self, path: str) -> Iterator[Json]:
        """The run at this path now and after each change, until it has ended."""
        run = self.get(path)
        yield run
        while run["status"] not in FINAL:
            time.sleep(POLL_SECONDS)
            before, run = run, self.get(path)
            if run != before:
                yield run

    def get(self, path: str) -> Json:
        """Read JSON."""
        return json_of(self.send("GET", path))

    def post(self, path: str, body: Json | None = None) -> Json:
        """Send JSON and return the answer."""
        return json_of(self.send("POST", path, json=body))

    def put(self, path: str, body: Json) -> Json:
        """Replace, and return what is there now."""
        return json_of(self.send("PUT", path, json=body))

    def delete(self, path: str) -> Json:
        """Delete, and return what was deleted."""
        return json_of(self.send("DELETE", path))

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request; `options` are those of httpx, such as `content` and `timeout`."""
        with reaching_server():
            response = self._http.request(method, path, **options)
        if response.is_error:
            raise error_in(response)
        return response

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[Json]:
        while True:
            page = json_of(self.send("GET", path, params=query))
            yield from page["data"]
            if not page["has_more"]:
                return
            query["after"] = page["last_id"]

    def _chat_body(self, messages: Messages, options: Mapping[str, Any]) -> Json:
        turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        model = options.get("model") or self.model
        return {**options, "model": model, "messages": list(turns)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")
