"""A frontend's chats and messages, deleted by its own ids."""

from collections.abc import Iterator

import httpx
import pytest

from tests.server.live import LiveServer, Person, chat_body


@pytest.fixture
def client(live: LiveServer, person: Person) -> Iterator[httpx.Client]:
    with live.client(person.key) as client:
        yield client


def say(client: httpx.Client, chat: str, message: str, **headers: str) -> str:
    headers |= {"x-loralei-chat-id": chat, "x-loralei-message-id": message}
    answer = client.post("/v1/chat/completions", json=chat_body(), headers=headers)
    return str(answer.raise_for_status().json()["id"])


def is_known(client: httpx.Client, completion_id: str) -> bool:
    return client.get(f"/v1/chat/completions/{completion_id}").is_success


def test_a_completion_is_found_by_its_message_id(client: httpx.Client) -> None:
    said = say(client, "chat", "message")
    for path in ("/v1/chat/completions/message", f"/v1/chat/completions/{said}"):
        assert client.get(path).json()["id"] == said
    assert client.get("/v1/chat/completions/message/messages").json()["data"]


def test_a_completion_is_deleted_by_its_message_id(client: httpx.Client) -> None:
    said = say(client, "chat", "message")
    assert client.delete("/v1/chat/completions/message").json()["deleted"] is True
    assert not is_known(client, said)
    assert client.delete("/v1/chat/completions/message").status_code == 404


def test_a_chat_is_deleted_by_its_id(client: httpx.Client) -> None:
    gone, other = say(client, "chat", "m1"), say(client, "other", "m2")
    client.post("/v1/feedback", json={"target": "m1", "value": "up"})
    assert client.delete("/v1/chats/chat").json() == {
        "object": "chat.exchanges.deleted",
        "deleted": 1,
    }
    assert (is_known(client, gone), is_known(client, other)) == (False, True)
    assert client.get("/v1/feedback").json()["data"] == []
    assert client.delete("/v1/chats/chat").status_code == 404


def test_messages_that_left_a_chat_are_deleted(client: httpx.Client) -> None:
    gone, stays = say(client, "chat", "m1"), say(client, "chat", "m2")
    body = {"message_ids": ["m2", "a user's message"]}
    assert client.put("/v1/chats/chat/messages", json=body).json()["deleted"] == 1
    assert (is_known(client, gone), is_known(client, stays)) == (False, True)
    assert client.put("/v1/chats/unknown/messages", json=body).status_code == 404


def test_all_chats_are_deleted_and_nobody_elses(live: LiveServer, client: httpx.Client) -> None:
    for number in range(3):
        say(client, f"chat-{number}", f"m{number}")
    with live.client(live.new_person().key) as other:
        theirs = say(other, "chat-1", "m1")
        assert client.delete("/v1/chats").json()["deleted"] == 3
        assert client.delete("/v1/chats").json()["deleted"] == 0
        assert is_known(other, theirs)


def test_a_frontend_deletes_for_the_user_it_names(live: LiveServer, frontend: Person) -> None:
    with live.client(frontend.key, **{"x-loralei-chat-id": "chat"}) as client:
        for user in ("ann", "bob"):
            client.post("/v1/chat/completions", json=chat_body(user=user)).raise_for_status()
        assert client.delete("/v1/chats/chat", params={"user": "ann"}).json()["deleted"] == 1
        assert client.delete("/v1/chats/chat", params={"user": "bob"}).json()["deleted"] == 1
        assert client.delete("/v1/chats/chat").status_code == 400


@pytest.mark.parametrize("path", ["/v1/chats/chat", "/v1/chats"])
def test_a_reply_that_is_written_during_the_deletion_is_not_stored(
    live: LiveServer, person: Person, client: httpx.Client, path: str
) -> None:
    say(client, "chat", "m1")
    body = chat_body(stream=True, max_tokens=300, ignore_eos=True)
    headers = {"x-loralei-chat-id": "chat", "x-loralei-message-id": "m2"}
    with (
        live.client(person.key) as reader,
        reader.stream("POST", "/v1/chat/completions", json=body, headers=headers) as reply,
    ):
        lines = reply.iter_lines()
        next(lines)
        assert client.delete(path).json()["deleted"] == 1
        assert list(lines)[-1] == ""
    assert client.get("/v1/chats").json()["data"] == []
    assert not is_known(client, "m2")
    # What is said in it later counts again.
    assert is_known(client, say(client, "chat", "m3"))
