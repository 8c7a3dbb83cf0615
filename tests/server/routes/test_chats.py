"""`/v1/chats`: list, search, open, rename and delete chats."""

from typing import Any

import httpx
import pytest

from tests.server.live import LiveServer, Person, chat_body
from tests.server.peft_folder import put_version_to_use
from tests.server.test_bad_input import assert_refused


def ask(
    client: httpx.Client, *messages: dict[str, str], chat_id: str | None = "one", **headers: str
) -> tuple[str, str, str]:
    """Send messages; return the ids of the reply and its chat, and the reply."""
    if chat_id is not None:
        headers["X-Loralei-Chat-Id"] = chat_id
    body = chat_body() | {"messages": list(messages)}
    answer = client.post("/v1/chat/completions", json=body, headers=headers)
    answer.raise_for_status()
    reply = answer.json()
    chat = answer.headers.get("x-loralei-chat", "")
    return reply["id"], chat, reply["choices"][0]["message"]["content"]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def listed(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    chats: list[dict[str, Any]] = client.get("/v1/chats", params=query).json()["data"]
    return chats


@pytest.fixture
def client(live: LiveServer, person: Person) -> Any:
    with live.client(person.key) as opened:
        yield opened


def test_chats_are_listed_by_their_last_turn(client: httpx.Client) -> None:
    _, first, reply = ask(client, user("How do I cook rice?"), chat_id="rice")
    ask(client, user("And eggs?"), chat_id="eggs")
    ask(client, user("How do I cook rice?"), assistant(reply), user("Why?"), chat_id="rice")
    chats = listed(client)
    assert [chat["title"] for chat in chats] == ["How do I cook rice?", "And eggs?"]
    assert (chats[0]["id"], chats[0]["replies"]) == (first, 2)
    assert chats[0]["created_at"] < chats[1]["created_at"] < chats[0]["updated_at"]


def test_a_chat_is_found_by_the_id_that_a_frontend_gave_it(client: httpx.Client) -> None:
    _, chat, _ = ask(client, user("How do I cook rice?"), chat_id="rice")
    assert client.get("/v1/chats/rice").json() == client.get(f"/v1/chats/{chat}").json()


def test_chats_come_page_by_page(client: httpx.Client) -> None:
    for name in "abc":
        ask(client, user(name), chat_id=name)
    page = client.get("/v1/chats", params={"limit": 2}).json()
    assert ([chat["title"] for chat in page["data"]], page["has_more"]) == (["c", "b"], True)
    rest = client.get("/v1/chats", params={"limit": 2, "after": page["last_id"]}).json()
    assert ([chat["title"] for chat in rest["data"]], rest["has_more"]) == (["a"], False)


def test_an_unknown_beginning_of_a_page_is_refused(client: httpx.Client) -> None:
    assert_refused(client.get("/v1/chats", params={"after": "x"}), 404, "after")


@pytest.mark.parametrize("chat_id", ["temporary:1", "local:1"])
def test_a_temporary_chat_is_not_listed(client: httpx.Client, chat_id: str) -> None:
    _, chat, _ = ask(client, user("a secret"), chat_id=chat_id)
    assert (chat, listed(client)) == ("", [])


def test_a_background_request_is_not_listed(client: httpx.Client) -> None:
    ask(client, user("a title, please"), **{"X-Loralei-Task": "title_generation"})
    assert listed(client) == []


def test_a_title_is_the_beginning_of_the_first_message(client: httpx.Client) -> None:
    ask(client, {"role": "system", "content": "Be brief."}, user("  Two\n words " + "x" * 100))
    [chat] = listed(client)
    assert chat["title"] == "Two words " + "x" * 50 + "…"


def test_a_chat_is_renamed_and_the_title_taken_away(client: httpx.Client) -> None:
    _, chat, _ = ask(client, user("hello"))
    renamed = client.patch(f"/v1/chats/{chat}", json={"title": "  Greetings "}).json()
    assert renamed["title"] == listed(client)[0]["title"] == "Greetings"
    assert client.patch(f"/v1/chats/{chat}", json={"title": None}).json()["title"] == "hello"


@pytest.mark.parametrize("title", ["", "  ", "x" * 121, 3])
def test_a_title_that_is_none_is_refused(client: httpx.Client, title: object) -> None:
    _, chat, _ = ask(client, user("hello"))
    assert_refused(client.patch(f"/v1/chats/{chat}", json={"title": title}), 400, "title")


def test_search_finds_questions_replies_and_titles(client: httpx.Client) -> None:
    _, titled, _ = ask(client, user("one"), chat_id="a")
    _, asked, _ = ask(client, user("the ÄPFEL of my tree"), chat_id="b")
    _, replied, reply = ask(client, user("three"), chat_id="c")
    client.patch(f"/v1/chats/{titled}", json={"title": "Orchard"})
    assert [chat["id"] for chat in listed(client, words="orchard")] == [titled]
    assert [chat["id"] for chat in listed(client, words="äpfel of")] == [asked]
    assert replied in [chat["id"] for chat in listed(client, words=reply)]
    assert listed(client, words="user") == listed(client, words="%") == []


def test_a_chat_is_opened_with_its_turns_and_feedback(client: httpx.Client) -> None:
    system = {"role": "system", "content": "Be brief."}
    first, chat, reply = ask(client, system, user("one"))
    client.post("/v1/feedback", json={"target": first, "correction": "better"})
    second, _, _ = ask(client, system, user("one"), assistant("better"), user("two"))
    again, _, _ = ask(client, system, user("one"), assistant(reply), user("other"))
    opened = client.get(f"/v1/chats/{chat}").json()
    assert [(turn["id"], turn["parent"]) for turn in opened["turns"]] == [
        (first, None),
        (second, first),
        (again, first),
    ]
    assert opened["turns"][0]["feedback"][0]["correction"] == "better"
    assert [turn["messages"] for turn in opened["turns"]] == [
        [user("one")],
        [user("two")],
        [user("other")],
    ]
    assert {turn["system"] for turn in opened["turns"]} == {"Be brief."}
    assert (opened["turns"][0]["reply"], opened["has_more"]) == (reply, False)


def test_a_chat_is_continued_by_its_own_id(client: httpx.Client) -> None:
    _, chat, reply = ask(client, user("one"), chat_id="made by a device")
    _, again, _ = ask(client, user("one"), assistant(reply), user("two"), chat_id=chat)
    assert again == chat
    assert [each["replies"] for each in listed(client)] == [2]


def test_the_id_of_anothers_chat_makes_a_chat_of_ones_own(
    client: httpx.Client, live: LiveServer
) -> None:
    _, chat, _ = ask(client, user("one"))
    with live.client(live.new_person().key) as other:
        _, own, _ = ask(other, user("two"), chat_id=chat)
        assert own != chat
    assert [each["replies"] for each in listed(client)] == [1]


def test_a_deleted_chat_takes_its_feedback_and_what_was_learned_along(
    client: httpx.Client, live: LiveServer, person: Person
) -> None:
    first, chat, reply = ask(client, user("one"))
    ask(client, user("one"), assistant(reply), user("two"))
    client.post("/v1/feedback", json={"target": first, "correction": "better"})
    client.patch(f"/v1/chats/{chat}", json={"title": "mine"})
    put_version_to_use(live, person)
    assert client.delete(f"/v1/chats/{chat}").json()["deleted"] > 0
    assert_refused(client.get(f"/v1/chats/{chat}"), 404)
    assert_refused(client.get(f"/v1/chat/completions/{first}"), 404)
    assert client.get("/v1/feedback").json()["data"] == []
    me = client.get("/v1/me").json()
    assert (me["adapter"], me["withdrawn"] is not None) == ("base", True)
    assert list(live.services.stores.log.export(person.id)) == []


def test_a_title_is_exported_imported_and_erased(
    client: httpx.Client, live: LiveServer, person: Person
) -> None:
    _, chat, _ = ask(client, user("hello"))
    client.patch(f"/v1/chats/{chat}", json={"title": "Greetings"})
    log, other = live.services.stores.log, live.new_person()
    rows = list(log.export(person.id))
    assert rows[-1] == {"type": "chat", "id": chat, "title": "Greetings"}
    assert log.import_rows(other.id, rows) == 2
    assert log.import_rows(other.id, rows) == 0
    assert [each.title for each in log.chats(other.id)[0]] == ["Greetings"]
    assert log.erase(person.id) == 2
    assert list(log.export(person.id)) == []
