"""Everything a client can get wrong: OpenAI's envelope, the right status, nothing stored."""

from typing import Any

import httpx
import pytest

from tests.server.live import LiveServer, Person, chat_body

CHAT = "/v1/chat/completions"
SCHEMA = "response_format.json_schema.schema"


def assert_refused(response: httpx.Response, status: int, param: str | None = None) -> None:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"] and error["code"]
    assert error["param"] == param
    assert "Traceback" not in response.text
    assert response.headers["x-request-id"]


def schema_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


def count_interactions(live: LiveServer, person: Person) -> int:
    query = "select count(*) as n from interactions where user_id = ?"
    return int(next(live.services.stores.database.query(query, [person.id]))["n"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "seed": NaN}',
        b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "seed": 1e999}',
        b'{"model": "tiny", "messages": [{"role": "user", "content": "\\udead"}]}',
        b'{"model": "tiny", "messages": ' + b"[" * 10_000,
        b'{"model": "tiny", "x": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
        b"\xff\xfe",
    ],
    ids=lambda body: body[-30:].decode("latin-1"),
)
def test_a_body_that_is_no_request_is_a_400(live: LiveServer, person: Person, body: bytes) -> None:
    with live.client(person.key, **{"content-type": "application/json"}) as client:
        assert_refused(client.post(CHAT, content=body), 400)
    assert count_interactions(live, person) == 0


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 1_000_000_000}, "n"),
        ({"max_tokens": 10**40}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role"),
        ({"stop": ["a"] * 10_000}, "stop"),
        ({"n": -1}, "n"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"top_p": -0.5}, "top_p"),
        ({"chat_template": "{{ messages }}"}, "chat_template"),
        ({"chat_template_kwargs": {"enable_thinking": []}}, "chat_template_kwargs"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {"100000": 1}}, "logit_bias"),
        ({"logit_bias": {"5": 1000}}, "logit_bias[5]"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": schema_format({"type": "nonsense"})}, "response_format"),
        ({"response_format": schema_format({"not": {}})}, "response_format"),
        ({"response_format": schema_format({"enum": ["x" * 70_000]})}, SCHEMA),
        ({"response_format": schema_format(nested(40))}, SCHEMA),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"tool_choice": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            "tool_choice",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_value_is_a_400_that_names_the_field(
    live: LiveServer, person: Person, fields: dict[str, Any], param: str
) -> None:
    with live.client(person.key) as client:
        assert_refused(client.post(CHAT, json=chat_body(**fields)), 400, param)
    assert count_interactions(live, person) == 0


def test_an_unknown_model_is_a_404(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        assert_refused(client.post(CHAT, json=chat_body(model="gpt-9")), 404, "model")


def test_a_prompt_that_does_not_fit_is_a_400_with_the_numbers(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        response = client.post(CHAT, json=chat_body("x" * 5000))
    assert_refused(response, 400, "messages")
    assert "512" in response.json()["error"]["message"]
    assert count_interactions(live, person) == 0


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_body_is_called_empty(live: LiveServer, person: Person, body: bytes) -> None:
    with live.client(person.key) as client:
        refused = client.post(CHAT, content=body)
    assert_refused(refused, 400)
    assert "empty" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "x"],
)
def test_json_is_read_whatever_the_client_calls_it(
    live: LiveServer, person: Person, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    with live.client(person.key, **headers) as client:
        body = b'{"target": "chatcmpl-later", "value": "up"}'
        assert client.post("/v1/feedback", content=body).status_code == 202


def test_a_form_is_no_json(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        refused = client.post(CHAT, data={"model": "tiny"})
    assert_refused(refused, 400)
    assert "not JSON" in refused.json()["error"]["message"]


def test_a_compressed_body_is_a_415_that_names_the_header(live: LiveServer, person: Person) -> None:
    with live.client(person.key, **{"content-encoding": "gzip"}) as client:
        assert_refused(client.post(CHAT, json=chat_body()), 415, "content-encoding")


@pytest.mark.parametrize("path", [CHAT, "/v1/feedback"])
def test_a_10_mb_body_is_a_413(live: LiveServer, person: Person, path: str) -> None:
    body = b'{"model": "' + b"x" * 10_000_000 + b'"}'
    with live.client(person.key, **{"content-type": "application/json"}) as client:
        assert_refused(client.post(path, content=body), 413)


def test_a_10_mb_body_without_a_key_is_a_401(live: LiveServer) -> None:
    with live.client() as nobody:
        assert_refused(nobody.post(CHAT, content=b"x" * 10_000_000), 401)


def test_a_10_mb_body_of_unknown_length_is_a_413(live: LiveServer, person: Person) -> None:
    pieces = (b"x" * 100_000 for _ in range(100))
    with live.client(person.key, **{"content-type": "application/json"}) as client:
        assert_refused(client.post(CHAT, content=pieces), 413)


@pytest.mark.parametrize("key", [None, "wrong", "lk-0123456789abcdef-" + "x" * 43, "x" * 5000])
def test_without_a_valid_key_everything_is_a_401(live: LiveServer, key: str | None) -> None:
    with live.client(key) as client:
        assert_refused(client.post(CHAT, json=chat_body()), 401)
        assert_refused(client.get("/v1/models"), 401)
        assert_refused(client.get("/v1/admin/users"), 401)


def routes_with_a_body(live: LiveServer) -> list[tuple[str, str]]:
    with live.client() as nobody:
        paths = nobody.get("/openapi.json").json()["paths"]
    return [
        (method, path.replace("{number}", "1"))
        for path, item in paths.items()
        for method in set(item) & {"post", "put", "patch"}
    ]


def test_the_key_is_asked_for_before_the_body_is_read(live: LiveServer, person: Person) -> None:
    routes = routes_with_a_body(live)
    assert len(routes) > 10
    with live.client() as nobody, live.client("wrong") as wrong, live.client(person.key) as client:
        for method, path in routes:
            assert_refused(nobody.request(method, path, content=b"{"), 401)
            assert_refused(wrong.request(method, path, content=b"{"), 401)
            if path.startswith("/v1/admin/"):
                assert_refused(client.request(method, path, content=b"{"), 403)


def test_an_admin_route_is_a_403_for_others(
    live: LiveServer, person: Person, frontend: Person
) -> None:
    for key in (person.key, frontend.key):
        with live.client(key) as client:
            assert_refused(client.get("/v1/admin/users"), 403)


def test_an_unknown_route_is_a_404_and_a_wrong_method_a_405(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        assert_refused(client.get("/v1/nothing"), 404)
        assert_refused(client.put(CHAT, json={}), 405)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"value": "up"}, 400, "target"),
        ({"target": "MINE"}, 400, "value"),
        ({"target": "MINE", "value": 0}, 400, "value"),
        ({"target": "MINE", "correction": "SAME"}, 400, "correction"),
        ({"target": "MINE", "correction": "  "}, 400, "correction"),
        ({"target": "MINE", "correction": 5}, 400, "correction"),
        ({"target": "MINE", "value": "up", "comment": "x" * 4001}, 400, "comment"),
        ({"target": "MINE", "value": "up", "id": "x" * 129}, 400, "id"),
        ({"target": "MINE", "preferred_over": "MINE"}, 400, "preferred_over"),
        ({"target": "MINE", "preferred_over": "THEIRS"}, 404, "preferred_over"),
        ({"target": "MINE", "preferred_over": "chatcmpl-unknown"}, 404, "preferred_over"),
        ({"target": "THEIRS", "value": "up"}, 404, "target"),
        ({"target": "x" * 129, "value": "up"}, 400, "target"),
    ],
    ids=str,
)
def test_feedback_that_makes_no_sense_is_refused_and_not_stored(
    live: LiveServer, person: Person, body: dict[str, Any], status: int, param: str
) -> None:
    mine = live.chat(person.key)
    theirs = live.chat(live.new_person().key)
    words = {
        "MINE": mine["id"],
        "THEIRS": theirs["id"],
        "SAME": mine["choices"][0]["message"]["content"],
    }
    sent = {name: words.get(value, value) for name, value in body.items()}
    with live.client(person.key) as client:
        assert_refused(client.post("/v1/feedback", json=sent), status, param)
        assert client.get("/v1/feedback").json()["data"] == []


def test_feedback_on_a_deleted_completion_is_a_404(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        assert client.delete(f"{CHAT}/{completion}").status_code == 200
        feedback = {"target": completion, "value": "up"}
        assert_refused(client.post("/v1/feedback", json=feedback), 404, "target")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=101", "limit=x", "order=up", "after=unknown", "limit=1e9"],
)
def test_a_bad_page_is_refused(live: LiveServer, person: Person, query: str) -> None:
    with live.client(person.key) as client:
        response = client.get(f"{CHAT}?{query}")
    assert_refused(
        response,
        404 if "after" in query else 400,
        None if "after" in query else query.partition("=")[0],
    )


def test_an_ambiguous_user_is_a_400(live: LiveServer, frontend: Person) -> None:
    with live.client(frontend.key) as client:
        assert_refused(client.post(CHAT, json=chat_body(user={"name": "Ann"})), 400, "user")
        assert_refused(client.post(CHAT, json=chat_body(user="{{USER_ID}}")), 400, "user")


def test_a_version_that_is_not_there_is_a_404(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        body = chat_body(loralei={"adapter": "v7"})
        assert_refused(client.post(CHAT, json=body), 404)
