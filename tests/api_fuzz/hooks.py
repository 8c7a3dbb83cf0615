"""Schemathesis' hooks: a key that still works for every case, and data that exists.

They run in Schemathesis' own environment, which knows nothing of Loralei. `run.py` says in the
environment whose key is sent and where the server is.
"""

import io
import json
import os
import uuid
import zipfile
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st

ROLE = os.environ["FUZZ_ROLE"]
URL = os.environ["FUZZ_URL"]
TOKEN = os.environ["FUZZ_TOKEN"]
FOLDER = Path(os.environ["FUZZ_FOLDER"])
ADAPTER_CONFIG = os.environ["FUZZ_ADAPTER_CONFIG"]
WEIGHTS = (FOLDER / "adapter_model.safetensors").read_bytes()
# `schemathesis.toml` names this user, too.
KNOWN = "known"

CHAT, FEEDBACK = "POST /v1/chat/completions", "POST /v1/feedback"
RESPONSES, TEXT = "POST /v1/responses", "POST /v1/completions"
IMPORTS_FEEDBACK = "POST /v1/admin/users/{user}/feedback"
IMPORTS_VERSION = "POST /v1/admin/adapters/{user}/versions"
# After these an account, its key or its data may be gone.
ENDS_DATA = {
    "DELETE /v1/me",
    "DELETE /v1/admin/users/{user}",
    "POST /v1/admin/users/{user}/key",
    "DELETE /v1/admin/adapters/{user}/versions/{number}",
    "DELETE /v1/chat/completions/{completion_id}",
    "DELETE /v1/responses/{response_id}",
    "DELETE /v1/feedback/{feedback_id}",
    "DELETE /v1/chats",
    "DELETE /v1/chats/{chat_id}",
    "PUT /v1/chats/{chat_id}/messages",
    "DELETE /api/public/scores/{score_id}",
}
# Bodies that fit their schema are refused rightly for what no schema can say.
REFUSED_RIGHTLY = {
    ("POST /v1/admin/users", "name"),  # not printable
    ("POST /v1/admin/users", "kind"),  # identity rules, but no frontend
    ("PUT /v1/admin/users/{user}/identity", "kind"),  # the same
    ("POST /v1/admin/users", None),  # a secret, and headers that it rules out
    ("PUT /v1/admin/users/{user}/identity", None),  # the same
    ("POST /api/public/scores", "traceId"),  # neither it nor a message id
    ("POST /api/public/scores", "value"),  # a word that is no rating
    ("POST /v1/admin/adapters/{user}/versions/{number}/compare", "prompt"),  # too long
    ("POST /v1/admin/adapters/{user}/train", "user"),  # a frontend
    ("POST /v1/admin/adapters/{user}/freeze", "user"),  # the same
    ("POST /v1/admin/adapters/{user}/unfreeze", "user"),  # the same
    (CHAT, "seed"),  # above the bound by less than a float can say
    (TEXT, "seed"),  # the same
    (CHAT, "messages"),  # longer than the context
    (CHAT, "logit_bias"),  # beyond the vocabulary
    (CHAT, "response_format"),  # a schema that the grammar does not know
    (CHAT, "top_logprobs"),  # without logprobs
    (CHAT, "chat_template_kwargs"),  # no name of a template's variable
    (CHAT, "tool_choice"),  # no tools in the request, or in the base model's template
    (RESPONSES, "input"),  # longer than the context
    (RESPONSES, "text.format"),  # a schema that the grammar does not know, or none
    (RESPONSES, "tool_choice"),  # no tools in the request, or in the base model's template
    (TEXT, "prompt"),  # longer than the context, or several
    (TEXT, "logit_bias"),  # beyond the vocabulary
    (TEXT, "best_of"),  # more than n
    (FEEDBACK, "correction"),  # the same as the reply, or a message without text
    (FEEDBACK, "preferred_over"),  # the same as the target
}
# How a frontend names its user: needed, printable, and no unfilled placeholder.
NAMES_USER = {"user", "safety_identifier", "metadata.user_id", "metadata.userId"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@schemathesis.serializer("application/x-ndjson", "application/x-protobuf")
def as_it_is(context: Any, value: Any) -> dict[str, Any]:
    """The body for `requests`; the description calls it bytes."""
    return {"data": value if isinstance(value, bytes | str) else json.dumps(value)}


def call(method: str, path: str, key: str = TOKEN, **options: Any) -> requests.Response:
    """The answer to a request of our own."""
    headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
    return requests.request(method, URL + path, headers=headers, timeout=120, **options)


def made(answer: requests.Response) -> Any:
    """What a request made. Raises `HTTPError` if it was refused."""
    answer.raise_for_status()
    return answer.json()


class Accounts:
    """The account of the role, and the one that admins know by name; made anew if they are gone."""

    def __init__(self) -> None:
        self._number = 0
        self.key = TOKEN
        self.ids: dict[str, str] = {}
        self.exported: list[dict[str, Any]] = []

    def renew(self) -> None:
        """Make what is missing."""
        if self.key == TOKEN or call("GET", "/v1/models", self.key).status_code == 401:
            self._number += 1
            account = {"name": f"fuzz-{ROLE}-{self._number}", "kind": ROLE}
            self.key = made(call("POST", "/v1/admin/users", json=account))["key"]
        self.ids |= say_and_correct(self.key)
        if ROLE == "admin":
            self._renew_known()

    def _renew_known(self) -> None:
        if call("GET", f"/v1/admin/users/{KNOWN}").status_code == 404:
            account = made(call("POST", "/v1/admin/users", json={"name": KNOWN}))
            say_and_correct(account["key"])
            self.exported = exported_lines()
        versions = f"/v1/admin/adapters/{KNOWN}/versions"
        if call("GET", f"{versions}/2").status_code != 200:
            headers = {"x-loralei-adapter-config": ADAPTER_CONFIG}
            for _ in range(2):
                made(call("POST", versions, data=WEIGHTS, headers=headers))
        self.ids["run_id"] = made(call("POST", f"/v1/admin/adapters/{KNOWN}/train"))["id"]


def say_and_correct(key: str) -> dict[str, str]:
    """The ids of a stored completion and of feedback on it."""
    # Chats that begin with the same words have the same id.
    message = {"role": "user", "content": f"Say hello to {uuid.uuid4().hex}."}
    body = {"model": "tiny", "messages": [message], "max_tokens": 4, "store": True, "user": KNOWN}
    completion = made(call("POST", "/v1/chat/completions", key, json=body))["id"]
    correction = {"target": completion, "correction": "hello there", "user": KNOWN}
    feedback = made(call("POST", "/v1/feedback", key, json=correction))["id"]
    response = completion.replace("chatcmpl-", "resp_")
    chat = made(call("GET", "/v1/chats", key, params={"limit": 1, "user": KNOWN}))["data"][0]["id"]
    return {
        "completion_id": completion,
        "response_id": response,
        "feedback_id": feedback,
        "score_id": feedback,
        "chat_id": chat,
    }


def exported_lines() -> list[dict[str, Any]]:
    """What is exported of the known user's chats and feedback."""
    archive = zipfile.ZipFile(io.BytesIO(call("GET", f"/v1/admin/users/{KNOWN}/export").content))
    return [json.loads(line) for line in archive.read("feedback.jsonl").splitlines()]


accounts = Accounts()
if ROLE != "none":
    accounts.renew()

    @schemathesis.auth(refresh_interval=None)
    class RoleAuth:
        """Sends the key of the role."""

        def get(self, case: Any, context: Any) -> str:
            """The key as it is now."""
            return accounts.key

        def set(self, case: Any, data: str, context: Any) -> None:
            """Put it into the request."""
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Note the answer for `run.py`; make anew what this request may have ended."""
    with (FOLDER / f"answers-{ROLE}.jsonl").open("a") as file:
        answer = {"operation": case.operation.label, "status": response.status_code}
        file.write(json.dumps(answer) + "\n")
    if ROLE != "none" and case.operation.label in ENDS_DATA and response.status_code < 300:
        accounts.renew()


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Leave out refusals that are right, and the user that is made anew when it is gone."""
    if failure.title == "Deleted resource still available" and (
        KNOWN in (case.path_parameters or {}).values()
    ):
        return False
    if failure.title != "Schema-valid request rejected" or response.status_code != 400:
        return True
    param = response.json()["error"]["param"]
    names_user = ROLE == "frontend" and param in NAMES_USER
    return not names_user and (case.operation.label, param) not in REFUSED_RIGHTLY


@schemathesis.hook
def before_generate_case(context: Any, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Half of the cases have known ids in the path, and bodies that are nearly right."""
    return st.tuples(strategy, st.none() | bodies(context.operation.label)).map(with_known)


def with_known(drawn: tuple[Any, Any]) -> Any:
    """The case with known data, if data was drawn for it."""
    case, body = drawn
    if body is not None:
        for name in accounts.ids.keys() & (case.path_parameters or {}).keys():
            case.path_parameters[name] = accounts.ids[name]
        if isinstance(body, bytes):
            case.body = body
            if "x-loralei-adapter-config" in (case.headers or {}):
                case.headers["x-loralei-adapter-config"] = ADAPTER_CONFIG
    return case


def bodies(operation: str) -> st.SearchStrategy[Any]:
    """Bodies for what the description calls bytes; True if it knows better."""
    if operation == IMPORTS_FEEDBACK and accounts.exported:
        rows = st.lists(nearly_exported(), min_size=1, max_size=4)
        return rows.map(lambda found: "\n".join(map(json.dumps, found)).encode())
    if operation == IMPORTS_VERSION:
        return st.just(WEIGHTS) | st.integers(0, len(WEIGHTS)).map(damaged_weights)
    return st.just(True)


@st.composite
def nearly_exported(draw: st.DrawFn) -> dict[str, Any]:
    """A line of an export, of which some fields have other values."""
    row = dict(draw(st.sampled_from(accounts.exported)))
    for name in draw(st.lists(st.sampled_from(sorted(row)), max_size=2)):
        row[name] = draw(JSON)
    return row


def damaged_weights(place: int) -> bytes:
    """The weights without what follows this place, or with another byte there."""
    if place % 2:
        return WEIGHTS[:place]
    return WEIGHTS[:place] + b"\xff" + WEIGHTS[place + 1 :]
