"""`/v1/responses` over HTTP: what is stored, whose it is, and how it fails."""

import json
from typing import Any

import httpx
import pytest

from feedback.records import Interaction
from server.chat.recording import Recorder
from server.engine.errors import GenerationError
from server.wire.reply_ids import completion_id
from tests.server.live import LiveServer, Person
from tests.server.sse import raw_events
from tests.server.test_bad_input import assert_refused, count_interactions

RESPONSES = "/v1/responses"


def body(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": "tiny", "input": text, "max_output_tokens": 8, "temperature": 0} | more


def respond(live: LiveServer, person: Person, text: str = "hello", **more: Any) -> dict[str, Any]:
    with live.client(person.key) as client:
        response = client.post(RESPONSES, json=body(text, **more))
    response.raise_for_status()
    made: dict[str, Any] = response.json()
    return made


def stored(live: LiveServer, person: Person, made: dict[str, Any]) -> Interaction:
    return live.services.stores.log.interaction(person.id, completion_id(made["id"]))


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """The data of each event, which its name says, too."""
    found = []
    for event in raw_events(response):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def test_a_response_is_stored_as_a_chat_turn(live: LiveServer, person: Person) -> None:
    made = respond(live, person, instructions="Be brief.", metadata={"a": "b"})
    turn = stored(live, person, made)
    assert [(each.role, each.content) for each in turn.messages] == [
        ("system", "Be brief."),
        ("user", "hello"),
    ]
    assert turn.has_instructions and turn.is_learnable
    assert turn.reply == made["output"][0]["content"][0]["text"]
    assert (turn.metadata, made["store"]) == ({"a": "b"}, True)


@pytest.mark.parametrize(("store", "listed"), [({}, 0), ({"store": True}, 1)])
def test_a_response_is_listed_if_it_says_store(
    live: LiveServer, person: Person, store: dict[str, Any], listed: int
) -> None:
    respond(live, person, **store)
    with live.client(person.key) as client:
        assert len(client.get("/v1/chat/completions").json()["data"]) == listed
    assert count_interactions(live, person) == 1


def test_a_response_that_says_not_to_store_leaves_nothing(live: LiveServer, person: Person) -> None:
    made = respond(live, person, store=False)
    assert made["store"] is False
    assert count_interactions(live, person) == 0
    with live.client(person.key) as client:
        assert_refused(client.get(f"{RESPONSES}/{made['id']}"), 404)


def test_the_answer_names_the_adapter(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        response = client.post(RESPONSES, json=body())
    assert response.headers["x-loralei-adapter"] == "base"
    assert response.json()["loralei"]["adapter"] == "base"


def test_a_response_is_a_target_of_feedback(live: LiveServer, person: Person) -> None:
    first, second = respond(live, person), respond(live, person)
    feedback = {"target": first["id"], "preferred_over": second["id"], "value": "up"}
    with live.client(person.key) as client:
        given = client.post("/v1/feedback", json=feedback)
        listed = client.get("/v1/feedback", params={"target": first["id"]}).json()["data"]
    assert given.status_code == 201
    assert given.json()["target"] == completion_id(first["id"])
    assert given.json()["preferred_over"] == completion_id(second["id"])
    assert [each["id"] for each in listed] == [given.json()["id"]]


def test_a_finished_response_can_be_rated_when_its_last_event_arrives(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        last = events(client.post(RESPONSES, json=body(stream=True)))[-1]
        rated = client.post("/v1/feedback", json={"target": last["response"]["id"], "value": "up"})
    assert rated.status_code == 201


def test_a_stream_is_the_response_in_pieces(live: LiveServer, person: Person) -> None:
    whole = respond(live, person)
    with live.client(person.key) as client:
        received = events(client.post(RESPONSES, json=body(stream=True)))
    text = "".join(e["delta"] for e in received if e["type"] == "response.output_text.delta")
    assert text == whole["output"][0]["content"][0]["text"]
    changing = {"id", "created_at", "output", "loralei"}
    last = received[-1]["response"]
    assert {k: v for k, v in last.items() if k not in changing} == {
        k: v for k, v in whole.items() if k not in changing
    }
    assert last["output"][0]["content"] == whole["output"][0]["content"]


def test_a_stream_that_fails_says_so_in_its_last_event(
    live: LiveServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Recorder) -> None:
        raise GenerationError("The model failed.")

    monkeypatch.setattr(Recorder, "complete", fail)
    with live.client(person.key) as client:
        last = events(client.post(RESPONSES, json=body(stream=True)))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "The model failed."}


def test_turns_of_one_conversation_belong_together(live: LiveServer, person: Person) -> None:
    first = respond(live, person)
    second = respond(live, person, "and?", previous_response_id=first["id"])
    turns = [stored(live, person, each) for each in (first, second)]
    assert turns[0].conversation_id == turns[1].conversation_id
    assert [each.content for each in turns[1].messages] == ["hello", turns[0].reply, "and?"]


def test_a_completion_can_be_continued_and_read_as_a_response(
    live: LiveServer, person: Person
) -> None:
    chat = live.chat(person.key)
    made = respond(live, person, "and?", previous_response_id=chat["id"])
    assert len(stored(live, person, made).messages) == 3
    with live.client(person.key) as client:
        read = client.get(f"{RESPONSES}/{chat['id']}").json()
    assert read["output"][0]["content"][0]["text"] == chat["choices"][0]["message"]["content"]
    assert completion_id(read["id"]) == chat["id"]


@pytest.mark.parametrize("kind", ["user", "frontend"])
def test_another_users_response_cannot_be_continued(
    live: LiveServer, person: Person, kind: str
) -> None:
    made = respond(live, person)
    stranger = live.new_person(kind)
    with live.client(stranger.key) as other:
        foreign = other.post(RESPONSES, json=body(previous_response_id=made["id"], user=person.id))
        item = {"type": "item_reference", "id": made["output"][0]["id"]}
        reference = other.post(RESPONSES, json=body() | {"input": [item], "user": person.id})
        unknown = other.post(
            RESPONSES, json=body(previous_response_id="resp_" + "0" * 32, user=person.id)
        )
    assert_refused(foreign, 404, "previous_response_id")
    assert_refused(reference, 404, "input[0]")
    message = foreign.json()["error"]["message"].replace(made["id"], "resp_" + "0" * 32)
    assert message == unknown.json()["error"]["message"]


def test_a_frontends_users_continue_their_own(live: LiveServer, frontend: Person) -> None:
    made = respond(live, frontend, user="ann")
    with live.client(frontend.key) as client:
        continued = body("and?", previous_response_id=made["id"])
        assert client.post(RESPONSES, json=continued | {"user": "ann"}).status_code == 200
        assert_refused(
            client.post(RESPONSES, json=continued | {"user": "bob"}), 404, "previous_response_id"
        )


def test_a_frontend_that_names_nobody_is_told_that_nothing_is_stored(
    live: LiveServer, frontend: Person
) -> None:
    with live.client(frontend.key) as client:
        response = client.post(RESPONSES, json=body())
    assert response.headers["x-loralei-user"] == "anonymous"
    assert response.json()["store"] is False


def test_a_bad_request_names_its_field_and_stores_nothing(live: LiveServer, person: Person) -> None:
    image = [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]
    with live.client(person.key) as client:
        assert_refused(
            client.post(RESPONSES, json=body() | {"input": image}), 400, "input[0].content"
        )
        assert_refused(client.post(RESPONSES, json=body(model="gpt-9")), 404, "model")
        assert_refused(client.post(RESPONSES, json=body("x" * 600)), 400, "input")
    assert count_interactions(live, person) == 0
