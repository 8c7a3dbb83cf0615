"""What feedback adds to the prompt of the next reply, over HTTP."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from feedback.records import Message
from tests.feedback.make import make_interaction
from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.peft_folder import put_version_to_use
from tests.server.sse import chunks

QUESTION, CORRECTION = "How do I boil an egg?", "in water."
PROBE_SECONDS = 60
NOTHING = {"demonstrations": 0, "notes": 0, "tokens": 0, "saved_tokens": 0}


def correct(live: LiveServer, person: Person, **feedback: Any) -> str:
    """Ask, give feedback on the reply, and return its id."""
    completion: str = live.chat(person.key, QUESTION)["id"]
    body = {"target": completion, **(feedback or {"correction": CORRECTION})}
    with live.client(person.key) as client:
        client.post("/v1/feedback", json=body).raise_for_status()
    return completion


def memory_of(live: LiveServer, key: str, text: str = "hello", **body: Any) -> dict[str, Any]:
    """How much memory was in the prompt of a reply."""
    used: dict[str, Any] = live.chat(key, text, **body)["loralei"]["memory"]
    return used


def test_a_correction_is_shown_from_the_next_reply_on(live: LiveServer, person: Person) -> None:
    plain = live.chat(person.key)["usage"]["prompt_tokens"]
    correct(live, person)
    reply = live.chat(person.key)
    shown = (Message("user", QUESTION), Message("assistant", CORRECTION), Message("user", "hello"))
    expected = len(live.services.runtime.engine.render(shown))
    assert reply["usage"]["prompt_tokens"] == expected
    assert reply["loralei"]["memory"] == NOTHING | {
        "demonstrations": 1,
        "tokens": expected - plain,
    }


def test_replies_are_guided_by_memory_from_the_second_turn_on(
    live: LiveServer, person: Person, tiny_model: Path, tmp_path: Path
) -> None:
    earlier = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]

    def said(server: LiveServer, key: str, before: list[dict[str, str]], **body: Any) -> str:
        messages = [*before, {"role": "user", "content": "why?"}]
        reply = server.chat(key, messages=messages, temperature=0, **body)
        content: str = reply["choices"][0]["message"]["content"]
        return content

    correct(live, person)
    with running(tiny_model, tmp_path / "data", threads=1, memory_guidance=1) as unguided:
        other = unguided.new_person()
        correct(unguided, other)
        assert said(live, person.key, []) == said(unguided, other.key, [])
        assert said(live, person.key, earlier) != said(unguided, other.key, earlier)
        off = {"loralei": {"memory": False}}
        assert said(live, person.key, earlier, **off) == said(unguided, other.key, earlier, **off)


def test_a_streamed_reply_says_so_too(live: LiveServer, person: Person) -> None:
    correct(live, person)
    with live.client(person.key) as client:
        sent = chat_body(stream=True)
        first = chunks(client.post("/v1/chat/completions", json=sent))[0]
    assert first["loralei"]["memory"]["demonstrations"] == 1


def test_nobody_elses_prompt_changes(live: LiveServer, person: Person) -> None:
    before = live.chat(person.key)
    correct(live, live.new_person())
    after = live.chat(person.key)
    assert after["usage"] == before["usage"]
    assert after["loralei"] == {"adapter": "base", "memory": NOTHING, "overridden_rules": []}


def test_users_of_one_frontend_have_memories_of_their_own(
    live: LiveServer, frontend: Person
) -> None:
    completion = live.chat(frontend.key, user="ann")["id"]
    with live.client(frontend.key) as client:
        body = {"target": completion, "correction": "better", "user": "ann"}
        client.post("/v1/feedback", json=body).raise_for_status()
    assert memory_of(live, frontend.key, user="ann")["demonstrations"] == 1
    assert memory_of(live, frontend.key, user="bob") == NOTHING
    assert memory_of(live, frontend.key) == NOTHING


def test_a_request_can_do_without(live: LiveServer, person: Person) -> None:
    correct(live, person)
    assert memory_of(live, person.key, loralei={"memory": False}) == NOTHING
    assert memory_of(live, person.key, loralei={"memory": True})["demonstrations"] == 1


def test_background_requests_and_temporary_chats_do_without(
    live: LiveServer, person: Person
) -> None:
    correct(live, person)
    for header in ({"X-Loralei-Task": "title_generation"}, {"X-Loralei-Chat-Id": "temporary:1"}):
        with live.client(person.key, **header) as client:
            reply = client.post("/v1/chat/completions", json=chat_body()).json()
        assert reply["loralei"]["memory"] == NOTHING


def test_what_is_not_stored_reads_memory_and_writes_none(live: LiveServer, person: Person) -> None:
    correct(live, person)
    assert memory_of(live, person.key, store=False)["demonstrations"] == 1
    with live.client(person.key) as client:
        assert client.get("/v1/me").json()["counts"]["interactions"] == 1


def test_only_the_users_own_messages_are_stored(live: LiveServer, person: Person) -> None:
    correct(live, person)
    completion = live.chat(person.key, "and now?")["id"]
    stored = live.services.stores.log.interaction(person.id, completion)
    assert stored.messages == (Message("user", "and now?"),)


def test_memory_gives_way_to_a_long_prompt(live: LiveServer, person: Person) -> None:
    correct(live, person)
    assert memory_of(live, person.key, "word " * 90) == NOTHING


def test_deleted_feedback_is_not_shown(live: LiveServer, person: Person) -> None:
    completion = correct(live, person)
    with live.client(person.key) as client:
        (row,) = client.get("/v1/feedback", params={"target": completion}).json()["data"]
        client.delete(f"/v1/feedback/{row['id']}").raise_for_status()
    assert memory_of(live, person.key) == NOTHING


def test_what_an_adapter_learned_leaves_its_prompts(live: LiveServer, person: Person) -> None:
    correct(live, person)
    before = memory_of(live, person.key)
    put_version_to_use(live, person)
    with live.client(person.key) as client:
        assert client.get("/v1/me").json()["memory"] == {"demonstrations": 0, "notes": 0}
    after = memory_of(live, person.key)
    assert (after["demonstrations"], after["tokens"]) == (0, 0)
    assert after["saved_tokens"] >= before["tokens"] > 0
    assert memory_of(live, person.key, loralei={"adapter": "base"}) == before


def test_me_counts_what_memory_holds(live: LiveServer, person: Person) -> None:
    correct(live, person, correction=CORRECTION, comment="shorter")
    with live.client(person.key) as client:
        assert client.get("/v1/me").json()["memory"] == {"demonstrations": 1, "notes": 1}


def test_a_budget_of_nothing_turns_memory_off(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", threads=1, memory_tokens=0) as server:
        person = server.new_person()
        correct(server, person)
        assert memory_of(server, person.key) == NOTHING


def test_comments_are_shown_if_the_base_model_follows_instructions(
    tiny_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with running(tiny_model, data, threads=1) as server:
        person = server.new_person()
        correct(server, person, comment="shorter")
        probed = wait_for_probe(data / "probes")
        assert json.loads(probed.read_text()) == {"notes_help": False}
        assert memory_of(server, person.key) == NOTHING
    probed.write_text(json.dumps({"notes_help": True}))
    with running(tiny_model, data, threads=1) as server:
        assert memory_of(server, person.key)["notes"] == 1


def test_comments_are_shown_until_it_is_known_whether_the_base_follows_them(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tiny_model, tmp_path / "data", threads=1) as server:
        monkeypatch.setattr(server.services.runtime.instruction_probe, "begin", lambda: None)
        person = server.new_person()
        correct(server, person, comment="shorter")
        assert memory_of(server, person.key)["notes"] == 1


def test_what_a_correction_changed_is_said_after_the_question(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tiny_model, tmp_path / "data", threads=1) as server:
        runtime, person = server.services.runtime, server.new_person()
        monkeypatch.setattr(runtime.instruction_probe, "begin", lambda: None)
        asked = make_interaction(user_id=person.id)
        server.services.stores.log.store(asked)
        corrected = f"Short answer: {asked.reply}"
        with server.client(person.key) as client:
            body = {"target": asked.id, "correction": corrected}
            client.post("/v1/feedback", json=body).raise_for_status()
        reply = server.chat(person.key)
        shown = (
            asked.messages[-1],
            Message("assistant", corrected),
            Message("user", "hello\n\nAnswer the question. Open with “Short answer:”."),
        )
        assert reply["usage"]["prompt_tokens"] == len(runtime.engine.render(shown))
        assert reply["loralei"]["memory"]["notes"] == 1
        kept = server.services.rules._of_memory
        assert list(kept) == [person.id]
        with server.client(person.key) as client:
            client.delete("/v1/me").raise_for_status()
        assert not kept


def wait_for_probe(folder: Path) -> Path:
    """The file with the probe's result, once it is there."""
    deadline = time.monotonic() + PROBE_SECONDS
    while time.monotonic() < deadline:
        for file in folder.glob("*.json"):
            return file
        time.sleep(0.05)
    raise TimeoutError("the probe did not end")
