import pytest

from adapters_store.errors import AdapterConflictError
from server.engine.errors import ContextOverflowError, EngineOverloadedError
from server.errors import ERRORS, ErrorSpec, error_body, error_response, param_name
from tests.server.live import LiveServer, Person


def test_an_unknown_error_reveals_nothing() -> None:
    body, spec = error_body(RuntimeError("/home/ann/secret.db is locked"))
    assert spec.status == 500
    assert "secret" not in str(body)


def test_full_capacity_says_when_to_come_back() -> None:
    response = error_response(EngineOverloadedError("busy"))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


def test_a_lost_compare_and_set_must_not_be_retried() -> None:
    response = error_response(AdapterConflictError("moved", expected=1, actual=2))
    assert response.status_code == 409
    assert response.headers["x-should-retry"] == "false"


def test_an_overflow_gives_the_numbers() -> None:
    body, spec = error_body(ContextOverflowError(600, 512))
    assert (spec.status, spec.code) == (400, "context_length_exceeded")
    assert body["error"]["param"] == "messages"
    assert "600" in body["error"]["message"] and "512" in body["error"]["message"]


@pytest.mark.parametrize("spec", ERRORS.values(), ids=[kind.__name__ for kind in ERRORS])
def test_errors_that_may_pass_say_when_to_retry_and_others_never(spec: ErrorSpec) -> None:
    is_never = spec.headers.get("x-should-retry") == "false"
    assert spec.status != 503 or "retry-after" in spec.headers
    assert spec.status != 429 or "retry-after" in spec.headers or is_never
    assert spec.status not in (409, 507) or is_never


def test_a_field_is_named_as_openai_names_it() -> None:
    assert param_name(("body", "messages", 0, "content")) == "messages[0].content"
    assert param_name(("query", "limit")) == "limit"
    assert param_name(("body",)) is None


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/v1/chat/completions"])
def test_a_base_url_with_a_wrong_prefix_gets_a_hint(
    live: LiveServer, person: Person, path: str
) -> None:
    with live.client(person.key) as client:
        answer = client.post(path, json={})
        other = client.post("/nothing", json={})
    assert answer.status_code == other.status_code == 404
    assert "Did you mean /v1/chat/completions?" in answer.json()["error"]["message"]
    assert "mean" not in other.json()["error"]["message"]
