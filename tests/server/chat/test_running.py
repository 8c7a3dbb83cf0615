"""Replies that go on after their reader has gone."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from server.chat import running
from tests.server.chat.test_disconnect import stored
from tests.server.held_engine import HeldEngine
from tests.server.live import LiveServer, Person, chat_body
from tests.server.sse import chunks, text_of
from tests.waiting import wait_until

ROUTE = "/v1/chat/completions"
LENGTH = 24


@pytest.fixture
def engine(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldEngine]:
    """The engine of the shared server, held until a test lets it go."""
    held = HeldEngine(live, monkeypatch)
    yield held
    held.finish()


@pytest.fixture
def client(live: LiveServer, person: Person) -> Iterator[httpx.Client]:
    with live.client(person.key, **{"x-loralei-chat-id": "one"}) as opened:
        yield opened


def body_of(live: LiveServer, text: str = "hello", **body: Any) -> dict[str, Any]:
    """A request for a resumable reply in letters, which has as many tokens."""
    letters = live.services.runtime.engine.renderer.text_ids("abcdefgh")
    given = {"stream": True, "loralei": {"resumable": True}, "max_tokens": LENGTH}
    given |= {"ignore_eos": True, "logit_bias": {str(each): 100 for each in letters}}
    return chat_body(text, **given | body)


def begin_and_leave(
    client: httpx.Client, engine: HeldEngine, body: dict[str, Any]
) -> tuple[str, str]:
    """Read the beginning of a reply and go away; the ids of the reply and its chat."""
    with client.stream("POST", ROUTE, json=body) as answer:
        assert answer.status_code == 200, answer.read()
        engine.allow(4)
        for line in answer.iter_lines():
            if line and (chunk := json.loads(line[6:]))["choices"][0]["delta"]["content"]:
                break
    return chunk["id"], answer.headers.get("x-loralei-chat", "")


def reply(client: httpx.Client, completion_id: str) -> str:
    """The stored reply."""
    answer = client.get(f"{ROUTE}/{completion_id}").raise_for_status()
    return str(answer.json()["choices"][0]["message"]["content"])


def test_a_resumable_reply_is_finished_without_its_reader(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    completion_id, _ = begin_and_leave(client, engine, body_of(live))
    engine.let_go()
    assert [row["status"] for row in stored(live, person)] == ["complete"]
    assert len(reply(client, completion_id)) == LENGTH


def test_a_reply_is_read_again_from_its_beginning(
    live: LiveServer, client: httpx.Client, engine: HeldEngine
) -> None:
    completion_id, chat = begin_and_leave(client, engine, body_of(live))
    with client.stream("GET", f"{ROUTE}/{completion_id}/events") as again:
        engine.let_go()
        received = chunks(again)
    assert again.headers["x-loralei-chat"] == chat
    assert text_of(received) == reply(client, completion_id)
    assert [c["finish_reason"] for chunk in received for c in chunk["choices"]][-1] == "length"
    assert received[-1]["usage"]["completion_tokens"] == LENGTH


def test_two_readers_get_the_same(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    with client.stream("POST", ROUTE, json=body_of(live)) as first:
        engine.allow(4)
        [written] = live.services.running.of_user(person.id)
        with client.stream("GET", f"{ROUTE}/{written.id}/events") as second:
            engine.let_go()
            texts = [text_of(chunks(each)) for each in (first, second)]
    assert texts == [reply(client, written.id)] * 2


def test_the_chat_shows_a_reply_while_it_is_written(
    live: LiveServer, client: httpx.Client, engine: HeldEngine
) -> None:
    completion_id, chat = begin_and_leave(client, engine, body_of(live, "Where is Ulm?"))
    for name in (chat, "one"):
        shown = client.get(f"/v1/chats/{name}").json()
        assert (shown["id"], shown["title"]) == (chat, "Where is Ulm?")
        [turn] = shown["turns"]
        assert (turn["id"], turn["status"]) == (completion_id, "writing")
        assert turn["messages"] == [{"role": "user", "content": "Where is Ulm?"}]
        assert turn["reply"] != ""
    engine.let_go()
    wait_until(lambda: client.get(f"/v1/chats/{chat}").json()["turns"][0]["status"] == "complete")
    assert len(client.get(f"/v1/chats/{chat}").json()["turns"]) == 1


def test_a_reply_that_is_written_stands_behind_the_stored_ones(
    live: LiveServer, client: httpx.Client, engine: HeldEngine
) -> None:
    engine.allow(1000)
    first = chunks(client.post(ROUTE, json=body_of(live)))[0]["id"]
    more = {"metadata": {"parent": first}}
    second, chat = begin_and_leave(client, engine, body_of(live, "and now?", **more))
    turns = client.get(f"/v1/chats/{chat}").json()["turns"]
    assert [(each["id"], each["parent"]) for each in turns] == [(first, None), (second, first)]


def test_a_reply_that_is_cancelled_is_stored_as_stopped(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    completion_id, _ = begin_and_leave(client, engine, body_of(live))
    answer = client.post(f"{ROUTE}/{completion_id}/cancel")
    assert answer.json()["cancelled"] is True
    assert [row["status"] for row in stored(live, person)] == ["aborted"]
    assert 0 < len(reply(client, completion_id)) < LENGTH
    assert client.post(f"{ROUTE}/{completion_id}/cancel").status_code == 404
    assert client.get(f"{ROUTE}/{completion_id}/events").status_code == 404


def test_who_reads_a_reply_that_is_cancelled_is_told(
    live: LiveServer, client: httpx.Client, engine: HeldEngine
) -> None:
    completion_id, _ = begin_and_leave(client, engine, body_of(live))
    with client.stream("GET", f"{ROUTE}/{completion_id}/events") as again:
        client.post(f"{ROUTE}/{completion_id}/cancel").raise_for_status()
        assert "The reply was stopped." in again.read().decode()


def test_nobody_else_reads_or_stops_a_reply(
    live: LiveServer, client: httpx.Client, engine: HeldEngine
) -> None:
    completion_id, chat = begin_and_leave(client, engine, body_of(live))
    with live.client(live.new_person().key) as other:
        unknown = other.get(f"{ROUTE}/chatcmpl-0/events").json()["error"]["message"]
        foreign = other.get(f"{ROUTE}/{completion_id}/events")
        assert foreign.status_code == 404
        assert foreign.json()["error"]["message"] == unknown.replace("chatcmpl-0", completion_id)
        assert other.post(f"{ROUTE}/{completion_id}/cancel").status_code == 404
        assert other.get(f"/v1/chats/{chat}").status_code == 404
    assert client.get(f"/v1/chats/{chat}").json()["turns"][0]["status"] == "writing"


def test_a_reply_that_nobody_reads_for_long_is_stopped(
    live: LiveServer,
    person: Person,
    client: httpx.Client,
    engine: HeldEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "UNREAD_SECONDS", 0.0)
    begin_and_leave(client, engine, body_of(live))
    assert [row["status"] for row in stored(live, person)] == ["aborted"]


def test_only_so_many_replies_of_a_user_go_on_unread(
    live: LiveServer,
    person: Person,
    client: httpx.Client,
    engine: HeldEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "MAX_UNREAD", 1)
    first, _ = begin_and_leave(client, engine, body_of(live))
    begin_and_leave(client, engine, body_of(live))
    assert [row["status"] for row in stored(live, person)] == ["aborted"]
    assert live.services.running.find(person.id, first) is not None


def test_an_erased_user_has_no_reply_that_is_stored_later(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    begin_and_leave(client, engine, body_of(live))
    client.delete("/v1/me").raise_for_status()
    wait_until(lambda: not live.services.running.of_user(person.id))
    assert list(live.services.stores.log.export(person.id)) == []


def test_an_admin_who_erases_the_data_has_no_reply_that_is_stored_later(
    live: LiveServer, engine: HeldEngine
) -> None:
    admin = live.new_person("admin")
    with live.client(admin.key) as client:
        begin_and_leave(client, engine, body_of(live))
        client.delete("/v1/me").raise_for_status()
    wait_until(lambda: not live.services.running.of_user(admin.id))
    assert live.services.stores.log.storage_use(admin.id).items == 0
    with live.admin() as first:
        first.delete(f"/v1/admin/users/{admin.id}").raise_for_status()


def test_a_deleted_chat_does_not_come_back_with_a_reply(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    _, chat = begin_and_leave(client, engine, body_of(live))
    client.delete(f"/v1/chats/{chat}")
    wait_until(lambda: not live.services.running.of_user(person.id))
    assert client.get("/v1/chats").json()["data"] == []


def test_a_reply_that_is_not_resumable_stops_with_its_reader(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    begin_and_leave(client, engine, body_of(live, loralei={"resumable": False}))
    engine.let_go()
    assert [row["status"] for row in stored(live, person)] == ["aborted"]


def test_a_reply_that_is_not_stored_is_not_resumable(
    live: LiveServer, person: Person, client: httpx.Client, engine: HeldEngine
) -> None:
    begin_and_leave(client, engine, body_of(live, store=False))
    assert live.services.running.of_user(person.id) == []


def test_a_chat_whose_first_reply_is_being_written_is_in_the_list_once(
    live: LiveServer, client: httpx.Client, engine: HeldEngine
) -> None:
    _, chat_id = begin_and_leave(client, engine, body_of(live))
    assert [each["id"] for each in client.get("/v1/chats").json()["data"]] == [chat_id]
    assert client.get("/v1/chats", params={"words": "hello"}).json()["data"] == []
    engine.finish()
    wait_until(lambda: bool(client.get("/v1/chats", params={"words": "hello"}).json()["data"]))
    assert [each["id"] for each in client.get("/v1/chats").json()["data"]] == [chat_id]
