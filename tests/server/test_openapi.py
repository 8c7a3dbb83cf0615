"""The OpenAPI document says how every operation answers, and every answer is as it says."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from pydantic import TypeAdapter

from server.auth import ADMIN_PATHS
from server.errors import ErrorEnvelope
from server.wire import shapes
from server.wire.reply_ids import response_id
from server.wire.shapes import Shape
from tests.server.live import LiveServer, Person, chat_body
from tests.server.peft_folder import config, import_version, random_weights

CHAT = "chat-of-the-caller"


class Operation(NamedTuple):
    method: str
    path: str
    described: dict[str, Any]

    @property
    def needs_key(self) -> bool:
        return "security" in self.described

    @property
    def responses(self) -> dict[str, Any]:
        responses: dict[str, Any] = self.described["responses"]
        return responses


@pytest.fixture(scope="session")
def document(live: LiveServer) -> dict[str, Any]:
    with live.client() as nobody:
        found: dict[str, Any] = nobody.get("/openapi.json").json()
    return found


@pytest.fixture(scope="session")
def operations(document: dict[str, Any]) -> list[Operation]:
    """All of them; those that end what others need come last."""
    found = [
        Operation(method.upper(), path, described)
        for path, item in document["paths"].items()
        for method, described in item.items()
    ]
    return sorted(found, key=lambda each: (each.method == "DELETE", -len(each.path)))


def test_every_status_is_documented_by_itself(operations: list[Operation]) -> None:
    statuses = {status for each in operations for status in each.responses}
    assert all(status.isdecimal() for status in statuses)
    assert "422" not in statuses


def test_every_error_is_documented_in_the_envelope(operations: list[Operation]) -> None:
    envelope = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}}
    errors = [
        response["content"]
        for each in operations
        for status, response in each.responses.items()
        if status >= "400"
    ]
    assert all(content == envelope for content in errors)


def test_every_success_has_a_content_type_and_json_has_a_shape(operations: list[Operation]) -> None:
    contents = [
        response["content"]
        for each in operations
        for status, response in each.responses.items()
        if status < "400"
    ]
    assert all(contents)
    json = [content["application/json"] for content in contents if "application/json" in content]
    assert all("$ref" in each["schema"] for each in json)


def test_an_operation_documents_what_its_kind_can_raise(operations: list[Operation]) -> None:
    for each in operations:
        expected = {"500"}
        if each.needs_key:
            expected |= {"401", "429", "503"}
        if each.path.startswith(ADMIN_PATHS):
            expected |= {"403"}
        if "{" in each.path:
            expected |= {"404"}
        if "requestBody" in each.described:
            expected |= {"400", "408", "413"}
        if each.needs_key and each.method != "GET":
            expected |= {"507"}
        assert expected <= each.responses.keys(), each


@pytest.mark.parametrize("role", ["admin", "user", "frontend"])
def test_no_operation_answers_what_is_not_documented(
    live: LiveServer, operations: list[Operation], role: str
) -> None:
    caller, other = live.new_person(role), live.new_person()
    values = {"user": other.id, "number": "1", "model": "tiny", "rule_id": "x", "document_id": "x"}
    values["chat_id"] = CHAT
    values |= make_data(live, caller, other)
    with live.client(caller.key) as client:
        for operation in operations:
            if operation.path.startswith(ADMIN_PATHS) and role != "admin":
                continue
            for request in requests(live, operation, values):
                answer = client.send(client.build_request(**request))
                assert_documented(operation, answer)
    with live.admin() as admin:  # another test needs the only admin
        admin.delete(f"/v1/admin/users/{caller.id}")


def make_data(live: LiveServer, caller: Person, other: Person) -> dict[str, str]:
    """Something to be asked for, and its ids."""
    import_version(live, other)
    live.chat(other.key)
    run = live.services.stores.runs.create(other.id, trigger="request", requested_by="x", at=1.0)
    with live.admin() as admin, live.client(caller.key) as client:
        admin.post(f"/v1/admin/runs/{run.id}/cancel").raise_for_status()
        body = chat_body(store=True, user="ann")
        header = {"x-loralei-chat-id": CHAT}
        chat = client.post("/v1/chat/completions", json=body, headers=header).json()
        feedback = {"target": chat["id"], "correction": "as it should be", "user": "ann"}
        given = client.post("/v1/feedback", json=feedback).json()
        chats = client.get("/v1/chats", params={"user": "ann"}).json()["data"]
    ids = {
        "chat_id": chats[0]["id"],
        "completion_id": chat["id"],
        "response_id": response_id(live.chat(caller.key, user="ann")["id"]),
    }
    return ids | {"feedback_id": given["id"], "score_id": given["id"], "run_id": run.id}


def requests(
    live: LiveServer, operation: Operation, values: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """A bad request and a good one, and for frontends one that names its user."""
    method, url = operation.method, operation.path.format(**values)
    if "requestBody" in operation.described:
        yield {"method": method, "url": url, "content": b"{"}
    if operation.path.endswith("/evaluate") and method == "POST":
        return  # the suite would run beside other tests
    body: dict[str, Any] = {}
    match method, operation.path:
        case "POST", "/v1/chat/completions":
            body = {"json": chat_body(user="ann", logprobs=True)}
            yield {"method": method, "url": url, "json": chat_body(user="ann", stream=True)}
        case "POST", "/v1/responses":
            asked = {"model": "tiny", "input": "hello", "max_output_tokens": 4, "user": "ann"}
            body = {"json": asked}
            yield {"method": method, "url": url, "json": asked | {"stream": True}}
        case "POST", "/v1/completions":
            asked = {"model": "tiny", "prompt": "hello", "max_tokens": 4, "user": "ann"}
            body = {"json": asked}
            yield {"method": method, "url": url, "json": asked | {"stream": True}}
        case "POST", "/v1/feedback":
            body = {"json": {"target": values["completion_id"], "value": "up", "user": "ann"}}
        case "POST", "/api/public/scores":
            reply = {"messageId": values["completion_id"], "userId": "ann"}
            body = {"json": {"value": 1, "dataType": "BOOLEAN", "metadata": reply}}
        case "PUT", "/v1/admin/users/{user}/identity":
            body = {"json": {"trust_headers": True}}
        case "PUT", "/v1/chats/{chat_id}/messages":
            body = {"json": {"message_ids": ["message"]}}
        case "POST", "/v1/chat/completions/{completion_id}":
            body = {"json": {"metadata": {"a": "b"}}}
        case "PATCH", "/v1/chats/{chat_id}":
            body = {"json": {"title": "a title"}}
        case "PUT", "/v1/me/rules/{rule_id}":
            body = {"json": {"status": "pinned"}}
        case "POST", "/v1/admin/users":
            body = {"json": {"name": f"made-by-{values['user']}"}}
        case "POST", "/v1/admin/backup":
            body = {"json": {"folder": "x"}}
        case "POST", "/v1/admin/adapters/{user}/promote":
            body = {"json": {"version": 1}}
        case "POST", "/v1/admin/adapters/{user}/versions":
            body = {"content": random_weights(live, seed=1), "headers": config(live)}
    yield {"method": method, "url": url, **body}
    if not operation.path.startswith(ADMIN_PATHS):
        yield {"method": method, "url": url, "params": {"user": "ann"}, **body}


def assert_documented(operation: Operation, answer: httpx.Response) -> None:
    where = operation.method, operation.path, answer.status_code, answer.text[:200]
    described = operation.responses.get(str(answer.status_code))
    assert described is not None, where
    content_type = answer.headers["content-type"]
    known = [each for each in described["content"] if content_type.startswith(each)]
    assert known, (where, content_type)
    if known[0] == "application/json":
        name = described["content"][known[0]]["schema"]["$ref"].rpartition("/")[2]
        undocumented = list(unknown_fields(shape_named(name).validate_python(answer.json())))
        assert undocumented == [], where


def shape_named(name: str) -> TypeAdapter[Any]:
    """The shape of a schema; the name of a page or list ends with that of its items."""
    kind, _, item = name.rstrip("_").partition("_")
    shape = {**vars(shapes), "ErrorEnvelope": ErrorEnvelope}[kind]
    return TypeAdapter(shape[getattr(shapes, item)] if item else shape)


def unknown_fields(value: Any) -> Iterator[str]:
    """The fields, at any depth, that no shape has."""
    if isinstance(value, Shape):
        yield from value.model_extra or ()
        for name in type(value).model_fields:
            yield from unknown_fields(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from unknown_fields(each)
