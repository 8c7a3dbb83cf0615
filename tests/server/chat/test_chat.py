import re
from typing import Any

import httpx
import pytest

from tests.server.live import LiveServer, Person, chat_body
from tests.server.sse import chunks, raw_events, text_of


def stream(live: LiveServer, person: Person, **body: Any) -> httpx.Response:
    with live.client(person.key) as client:
        sent = chat_body(stream=True, **body)
        return client.post("/v1/chat/completions", json=sent)


def test_a_whole_reply_has_openais_shape(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        response = client.post("/v1/chat/completions", json=chat_body())
    reply = response.json()
    assert response.status_code == 200
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", reply["id"])
    assert (reply["object"], reply["model"]) == ("chat.completion", "tiny")
    assert isinstance(reply["created"], int)
    (choice,) = reply["choices"]
    assert choice["index"] == 0
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] <= 8
    assert reply["loralei"]["adapter"] == "base"
    assert response.headers["x-loralei-adapter"] == "base"
    assert response.headers["x-request-id"]


def test_streamed_and_unstreamed_text_are_the_same(live: LiveServer, person: Person) -> None:
    whole = live.chat(person.key, "same", max_tokens=20)
    with live.client(person.key) as client:
        body = chat_body("same", max_tokens=20, stream=True)
        streamed = chunks(client.post("/v1/chat/completions", json=body))
    assert text_of(streamed) == whole["choices"][0]["message"]["content"]


def test_every_chunk_carries_what_clients_need(live: LiveServer, person: Person) -> None:
    received = chunks(stream(live, person))
    for chunk in received:
        assert chunk["id"] == received[0]["id"]
        assert chunk["object"] == "chat.completion.chunk"
        assert isinstance(chunk["created"], int)
        assert chunk["model"] == "tiny"
        assert isinstance(chunk["choices"], list)
        assert "event" not in chunk
        for choice in chunk["choices"]:
            assert isinstance(choice["index"], int) and isinstance(choice["delta"], dict)


def test_the_first_chunk_has_the_role_and_names_the_adapter(
    live: LiveServer, person: Person
) -> None:
    first, *others = chunks(stream(live, person, n=2))
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert first["loralei"]["adapter"] == "base"
    assert not any("loralei" in chunk for chunk in others)


@pytest.mark.parametrize("options", [{}, {"n": 3}, {"logprobs": True}], ids=str)
def test_every_chunk_of_a_stream_has_a_choice(
    live: LiveServer, person: Person, options: dict[str, Any]
) -> None:
    assert all(len(chunk["choices"]) == 1 for chunk in chunks(stream(live, person, **options)))


def test_the_first_delta_has_the_role_and_the_last_the_reason(
    live: LiveServer, person: Person
) -> None:
    deltas = [chunk["choices"][0] for chunk in chunks(stream(live, person))]
    assert deltas[0]["delta"]["role"] == "assistant"
    reasons = [delta["finish_reason"] for delta in deltas]
    assert reasons[-1] in ("stop", "length")
    assert not any(reasons[:-1])


def test_usage_comes_when_asked_for_in_a_chunk_without_choices(
    live: LiveServer, person: Person
) -> None:
    asked = chunks(stream(live, person, stream_options={"include_usage": True}))
    assert [len(chunk["choices"]) for chunk in asked] == [1] * (len(asked) - 1) + [0]
    assert asked[-1]["usage"]["completion_tokens"] > 0
    assert not any("usage" in chunk for chunk in chunks(stream(live, person)))


def test_a_stream_is_not_cached_or_buffered(live: LiveServer, person: Person) -> None:
    response = stream(live, person)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-loralei-adapter"] == "base"
    assert raw_events(response)[-1] == "data: [DONE]"


def test_n_choices_are_written_and_told_apart(live: LiveServer, person: Person) -> None:
    body: dict[str, Any] = {"n": 3, "temperature": 1, "seed": 5, "max_tokens": 16}
    whole = live.chat(person.key, **body)
    texts = [choice["message"]["content"] for choice in whole["choices"]]
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert len(set(texts)) > 1
    streamed = chunks(stream(live, person, **body))
    assert [text_of(streamed, index) for index in range(3)] == texts


def test_the_same_seed_gives_the_same_text(live: LiveServer, person: Person) -> None:
    body: dict[str, Any] = {"temperature": 1, "seed": 11, "max_tokens": 16}
    first, second = live.chat(person.key, **body), live.chat(person.key, **body)
    assert first["choices"][0]["message"] == second["choices"][0]["message"]


def test_a_stop_text_ends_the_reply_and_is_not_in_it(live: LiveServer, person: Person) -> None:
    text = live.chat(person.key, max_tokens=20)["choices"][0]["message"]["content"]
    stop = text[3:5]
    stopped = live.chat(person.key, max_tokens=20, stop=stop)["choices"][0]
    assert stopped["message"]["content"] == text[: text.index(stop)]
    assert stopped["finish_reason"] == "stop"


def test_max_tokens_bounds_the_reply(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, max_tokens=3, ignore_eos=True)
    assert reply["usage"]["completion_tokens"] == 3
    assert reply["choices"][0]["finish_reason"] == "length"


def test_a_finished_reply_can_be_rated_when_its_last_chunk_arrives(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client, live.client(person.key) as rater:
        body = chat_body(stream=True)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            for line in response.iter_lines():
                if '"finish_reason":"' in line:
                    completion_id = re.search(r"chatcmpl-\w+", line)
                    assert completion_id is not None
                    feedback = {"target": completion_id[0], "value": "up"}
                    assert rater.post("/v1/feedback", json=feedback).status_code == 201


@pytest.mark.parametrize("body", [{"store": False}], ids=str)
def test_what_must_not_be_stored_is_not(live: LiveServer, person: Person, body: Any) -> None:
    reply = live.chat(person.key, **body)
    with live.client(person.key) as client:
        assert client.get(f"/v1/chat/completions/{reply['id']}").status_code == 404


@pytest.mark.parametrize("chat_id", ["temporary:1", "local:1"])
def test_a_temporary_chat_is_answered_and_not_stored(
    live: LiveServer, person: Person, chat_id: str
) -> None:
    with live.client(person.key, **{"X-OpenWebUI-Chat-Id": chat_id}) as client:
        reply = client.post("/v1/chat/completions", json=chat_body()).json()
        assert reply["choices"]
        assert client.get(f"/v1/chat/completions/{reply['id']}").status_code == 404


def test_a_background_request_is_stored_as_what_it_is(live: LiveServer, person: Person) -> None:
    with live.client(person.key, **{"X-Loralei-Task": "title_generation"}) as client:
        reply = client.post("/v1/chat/completions", json=chat_body()).json()
        stored = client.get(f"/v1/chat/completions/{reply['id']}").json()
        assert stored["loralei"]["kind"] == "background"
        assert client.get("/v1/me").json()["counts"]["interactions"] == 0


def test_an_unfilled_task_placeholder_is_no_task(live: LiveServer, person: Person) -> None:
    with live.client(person.key, **{"X-Loralei-Task": "{{TASK}}"}) as client:
        reply = client.post("/v1/chat/completions", json=chat_body()).json()
        stored = client.get(f"/v1/chat/completions/{reply['id']}").json()
    assert stored["loralei"]["kind"] == "chat"


def test_a_frontends_users_are_told_apart(live: LiveServer, frontend: Person) -> None:
    reply = live.chat(frontend.key, user="ann")
    with live.client(frontend.key) as client:
        path = f"/v1/chat/completions/{reply['id']}"
        assert client.get(path, params={"user": "ann"}).status_code == 200
        live.chat(frontend.key, user="bob")
        assert client.get(path, params={"user": "bob"}).status_code == 404


def test_without_a_name_a_frontend_is_answered_by_the_base_and_nothing_is_stored(
    live: LiveServer, frontend: Person
) -> None:
    before = len(live.services.accounts.users_of(frontend.id))
    reply = live.chat(frontend.key)
    assert reply["loralei"]["adapter"] == "base"
    assert len(live.services.accounts.users_of(frontend.id)) == before
    rows = live.services.stores.database.query(
        "select count(*) as n from interactions where id = ?", [reply["id"]]
    )
    assert next(rows)["n"] == 0


def test_a_retry_is_one_turn(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        body = chat_body("once", store=True)
        first = client.post("/v1/chat/completions", json=body).json()
        retry = client.post(
            "/v1/chat/completions", json=body, headers={"x-stainless-retry-count": "1"}
        ).json()
        stored = client.get("/v1/chat/completions").json()["data"]
        earlier = client.get(f"/v1/chat/completions/{first['id']}").json()
    assert [row["id"] for row in stored] == [retry["id"]]
    assert earlier["loralei"]["status"] == "superseded"


def test_the_same_words_again_are_two_turns(live: LiveServer, person: Person) -> None:
    live.chat(person.key, "twice", store=True)
    live.chat(person.key, "twice", store=True)
    with live.client(person.key) as client:
        assert len(client.get("/v1/chat/completions").json()["data"]) == 2
