"""LibreChat's ratings: the requests that its `packages/api/src/langfuse/feedback.ts` sends."""

import hashlib
import uuid
from typing import Any

import httpx
import pytest

from server.routes.scores import MAX_TRACE_BYTES
from tests.server.live import LiveServer, Person, chat_body
from tests.server.test_bad_input import assert_refused

SCORES = "/api/public/scores"


def librechat(live: LiveServer, key: str, public_key: str = "librechat") -> httpx.Client:
    """A client that authenticates as LibreChat does, by `LANGFUSE_{PUBLIC,SECRET}_KEY`."""
    return httpx.Client(base_url=live.url, auth=(public_key, key), timeout=30)


def score(message_id: str, user: str = "665f", **changes: Any) -> dict[str, Any]:
    """A thumb in LibreChat; of the metadata it leaves out what is empty."""
    trace_id = hashlib.sha256(message_id.encode()).hexdigest()[:32]
    return {
        "id": f"feedback-{trace_id}",
        "traceId": trace_id,
        "name": "user-feedback",
        "value": 0,
        "dataType": "BOOLEAN",
        "comment": "bad_style — far too long",
        "metadata": {
            "messageId": message_id,
            "parentMessageId": "parent-of-" + message_id,
            "conversationId": "conversation",
            "sessionId": "conversation",
            "userId": user,
            "endpoint": "Loralei",
            "sender": "Loralei",
            "isCreatedByUser": False,
            "tokenCount": 8,
            "rating": "thumbsDown",
            "tag": "bad_style",
        },
        "environment": "production",
    } | changes


def reply(live: LiveServer, key: str, user: str = "665f") -> tuple[str, str]:
    """A reply's message id in LibreChat, and its completion id."""
    message_id = str(uuid.uuid4())
    with live.client(key, **{"X-Loralei-Message-Id": message_id}) as client:
        answer = client.post("/v1/chat/completions", json=chat_body(user=user))
    answer.raise_for_status()
    return message_id, answer.json()["id"]


def feedback(live: LiveServer, key: str, user: str = "665f") -> list[dict[str, Any]]:
    with live.client(key) as client:
        given: list[dict[str, Any]] = client.get("/v1/feedback", params={"user": user}).json()[
            "data"
        ]
    return given


def test_a_thumb_in_librechat_is_feedback_on_the_reply(live: LiveServer, frontend: Person) -> None:
    message_id, completion_id = reply(live, frontend.key)
    with librechat(live, frontend.key) as client:
        answer = client.post(SCORES, json=score(message_id))
    assert answer.status_code == 200
    assert answer.json()["id"] == score(message_id)["id"]
    [given] = feedback(live, frontend.key)
    assert given["target"] == completion_id
    assert (given["value"], given["reason"], given["comment"]) == (-1, "bad_style", "far too long")
    assert given["status"] == "applied"


def test_a_trace_may_be_named_by_the_id_of_a_response(live: LiveServer, frontend: Person) -> None:
    _, completion_id = reply(live, frontend.key)
    trace = completion_id.replace("chatcmpl-", "resp_")
    with librechat(live, frontend.key) as client:
        rated = score("", traceId=trace, metadata={"userId": "665f"})
        assert client.post(SCORES, json=rated).status_code == 200
    [given] = feedback(live, frontend.key)
    assert (given["target"], given["status"]) == (completion_id, "applied")


def test_another_thumb_replaces_the_first(live: LiveServer, frontend: Person) -> None:
    message_id, _ = reply(live, frontend.key)
    with librechat(live, frontend.key) as client:
        client.post(SCORES, json=score(message_id))
        client.post(SCORES, json=score(message_id, value=1, comment=None))
    [given] = feedback(live, frontend.key)
    assert (given["value"], given["reason"], given["comment"]) == (1, None, None)


def test_a_thumb_that_is_taken_back_is_gone(live: LiveServer, frontend: Person) -> None:
    message_id, _ = reply(live, frontend.key)
    with librechat(live, frontend.key) as client:
        given = client.post(SCORES, json=score(message_id)).json()["id"]
        assert client.delete(f"{SCORES}/{given}").status_code == 200
        assert feedback(live, frontend.key) == []
        assert_refused(client.delete(f"{SCORES}/{given}"), 404)


def test_a_thumb_that_comes_first_waits_for_its_reply(live: LiveServer, frontend: Person) -> None:
    with librechat(live, frontend.key) as client:
        early = client.post(SCORES, json=score("not-stored-yet", user="newcomer"))
    assert (early.status_code, early.json()["status"]) == (200, "pending")


def test_without_a_message_id_the_trace_is_the_reply(live: LiveServer, frontend: Person) -> None:
    _, completion_id = reply(live, frontend.key)
    body = {
        "traceId": completion_id,
        "value": True,
        "metadata": {"userId": "665f"},
    }
    with librechat(live, frontend.key) as client:
        assert client.post(SCORES, json=body).json()["target"] == completion_id


def test_a_users_own_key_rates_as_its_owner(live: LiveServer, person: Person) -> None:
    message_id, completion_id = reply(live, person.key)
    with librechat(live, person.key) as client:
        answer = client.post(SCORES, json=score(message_id, user="somebody else"))
        assert answer.json()["target"] == completion_id
        assert client.delete(f"{SCORES}/{answer.json()['id']}").status_code == 200


def test_a_score_must_name_the_user(live: LiveServer, frontend: Person) -> None:
    with librechat(live, frontend.key) as client:
        refused = client.post(SCORES, json=score("m", metadata={"messageId": "m"}))
    assert_refused(refused, 400, "metadata.userId")


@pytest.mark.parametrize(
    "changes",
    [
        {"dataType": "NUMERIC", "value": 1},
        {"dataType": None, "value": 1},
        {"value": 0.5},
        {"dataType": "CATEGORICAL", "value": "meh"},
        {"dataType": "TEXT", "value": "up"},
        {"value": None},
        {"value": [1]},
    ],
)
def test_a_score_that_is_no_clear_rating_is_refused(
    live: LiveServer, frontend: Person, changes: dict[str, Any]
) -> None:
    with librechat(live, frontend.key) as client:
        assert_refused(client.post(SCORES, json=score("m") | changes), 400, "value")
    assert feedback_is_unknown(live, frontend.key)


def feedback_is_unknown(live: LiveServer, key: str) -> bool:
    with live.client(key) as client:
        answer = client.get("/v1/feedback", params={"user": "665f"})
    return answer.status_code == 404 or answer.json()["data"] == []


def test_a_score_cannot_reach_a_reply_of_another_frontend(
    live: LiveServer, frontend: Person
) -> None:
    message_id, completion_id = reply(live, frontend.key)
    other = live.new_person("frontend")
    with librechat(live, other.key) as client:
        by_completion = score(completion_id)
        assert_refused(client.post(SCORES, json=by_completion), 404, "target")
        # Message ids are the frontend's own: here nobody has this one yet.
        assert client.post(SCORES, json=score(message_id)).json()["status"] == "pending"
    assert feedback(live, frontend.key) == []


def test_a_score_of_another_frontend_cannot_be_deleted(live: LiveServer, frontend: Person) -> None:
    message_id, _ = reply(live, frontend.key)
    with librechat(live, frontend.key) as client:
        given = client.post(SCORES, json=score(message_id)).json()["id"]
    other = live.new_person("frontend")
    reply(live, other.key)
    with librechat(live, other.key) as client:
        assert_refused(client.delete(f"{SCORES}/{given}"), 404)
    assert len(feedback(live, frontend.key)) == 1


def test_a_delete_that_names_a_user_reaches_only_that_users_score(
    live: LiveServer, frontend: Person
) -> None:
    with librechat(live, frontend.key) as client:
        for user in ("ann", "bob"):
            message_id, _ = reply(live, frontend.key, user)
            client.post(SCORES, json=score(message_id, user=user, id="same")).raise_for_status()
        assert client.delete(f"{SCORES}/same", params={"user": "ann"}).status_code == 200
    assert feedback(live, frontend.key, "ann") == []
    assert len(feedback(live, frontend.key, "bob")) == 1


def test_a_wrong_secret_key_is_refused_whatever_the_public_key(
    live: LiveServer, frontend: Person
) -> None:
    with librechat(live, "wrong", public_key=frontend.key) as client:
        for answer in (client.post(SCORES, json=score("m")), client.delete(f"{SCORES}/x")):
            assert_refused(answer, 401)
            assert answer.json()["error"]["code"] == "invalid_api_key"


def test_other_routes_take_no_key_as_a_password(live: LiveServer, frontend: Person) -> None:
    with librechat(live, frontend.key) as client:
        assert_refused(client.get("/v1/models"), 401)


def test_traces_are_accepted_and_dropped(live: LiveServer, frontend: Person) -> None:
    path = "/api/public/otel/v1/traces"
    with librechat(live, frontend.key) as client:
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        answer = client.post(path, content=b"\x1f\x8b\x00not read", headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert_refused(client.post(path, content=b"x" * (MAX_TRACE_BYTES + 1)), 413)


def test_the_project_of_a_key_is_its_account(live: LiveServer, frontend: Person) -> None:
    with librechat(live, frontend.key) as client:
        data = client.get("/api/public/projects").json()["data"]
    assert data == [{"id": frontend.id, "name": frontend.name}]
