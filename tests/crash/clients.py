"""Clients that note what the server acknowledges, until it is killed."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from server.cli.peft.folder import read_peft_folder
from server.data_folder import RunningServer
from server.wire.reply_ids import completion_id
from tests.crash.ledger import Given, Import, Ledger, Turn
from tests.crash.process import PATIENCE_SECONDS, client
from tests.server.live import Person, chat_body

FINAL = {"promoted", "refused", "failed", "cancelled"}
NUM_CORRECTIONS = 4
_PAUSE_SECONDS = 0.3


def make_person(server: RunningServer, name: str) -> Person:
    """A new account."""
    with client(server, server.token) as admin:
        made = admin.post("/v1/admin/users", json={"name": name, "kind": "user"})
    body = made.raise_for_status().json()
    return Person(body["id"], name, body["key"])


def chat(http: httpx.Client, ledger: Ledger, user: str, *, is_streamed: bool) -> Turn:
    """One short chat. A streamed one is acknowledged by the chunk that ends it."""
    turn = ledger.new_turn(user)
    body = chat_body(turn.text, stream=is_streamed, max_tokens=4)
    if not is_streamed:
        answer = http.post("/v1/chat/completions", json=body).raise_for_status().json()
        turn.reply, turn.id = answer["choices"][0]["message"]["content"], answer["id"]
        return turn
    reply = ""
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                chunk = json.loads(line.removeprefix("data: "))
                for choice in chunk["choices"]:
                    reply += choice["delta"].get("content", "")
                    if choice["finish_reason"]:
                        turn.reply, turn.id = reply, chunk["id"]
    return turn


def respond(http: httpx.Client, ledger: Ledger, user: str) -> tuple[Turn, str]:
    """One short response; the id of its chat, too."""
    turn = ledger.new_turn(user)
    body = {"model": "tiny", "input": turn.text, "max_output_tokens": 4, "seed": 1}
    answer = http.post("/v1/responses", json=body).raise_for_status()
    made = answer.json()
    [part] = made["output"][0]["content"]
    turn.reply, turn.id = part["text"], completion_id(made["id"])
    return turn, answer.headers["x-loralei-chat"]


def name_chat(http: httpx.Client, ledger: Ledger, user: str, chat_id: str) -> None:
    """Give a chat a title."""
    title = ledger.new_title(user, chat_id)
    http.patch(f"/v1/chats/{chat_id}", json={"title": title.text}).raise_for_status()
    title.is_acknowledged = True


def score(http: httpx.Client, ledger: Ledger, turn: Turn) -> None:
    """Rate a reply as LibreChat does, with a comment."""
    given = ledger.new_feedback(turn)
    body = {
        "id": given.text.replace(" ", "-"),
        "name": "user-feedback",
        "value": 1,
        "dataType": "BOOLEAN",
        "comment": given.text,
        "metadata": {"messageId": turn.id},
    }
    made = http.post("/api/public/scores", json=body).raise_for_status().json()
    given.id = made["id"]


def correct(http: httpx.Client, ledger: Ledger, turn: Turn) -> Given:
    """Correct a reply."""
    given = ledger.new_feedback(turn)
    body = {"target": turn.id, "correction": given.text}
    given.id = http.post("/v1/feedback", json=body).raise_for_status().json()["id"]
    return given


def delete_feedback(http: httpx.Client, given: Given) -> None:
    """Take feedback back."""
    given.is_deleted = None
    http.delete(f"/v1/feedback/{given.id}").raise_for_status()
    given.is_deleted = True


def delete_turn(http: httpx.Client, turn: Turn) -> None:
    """Delete a chat."""
    turn.is_deleted = None
    http.delete(f"/v1/chat/completions/{turn.id}").raise_for_status()
    turn.is_deleted = True


def import_corrections(server: RunningServer, ledger: Ledger, user: str) -> list[Given]:
    """Import corrections to lower case, which a rule explains, so that they train an adapter."""
    given = [_imported(ledger.text("the lamp"), user) for _ in range(NUM_CORRECTIONS)]
    imported = Import(tuple(each.text for each in given))
    ledger.imports.append(imported)
    lines = "".join(f"{json.dumps(row)}\n" for each in given for row in _rows(each))
    with client(server, server.token) as admin:
        admin.post(f"/v1/admin/users/{user}/feedback", content=lines).raise_for_status()
    ledger.imports.remove(imported)
    ledger.turns += [each.turn for each in given]
    ledger.given += given
    return given


def _imported(text: str, user: str) -> Given:
    name = text.replace(" ", "-")
    turn = Turn(user, f"Where is {text}?", f"chatcmpl-{name}", f"Here Is {text.title()}.")
    return Given(user, turn, f"here is {text}.", f"feedback-{name}")


def _rows(given: Given) -> Iterator[dict[str, object]]:
    turn, now = given.turn, time.time()
    yield {
        "type": "interaction",
        "id": turn.id,
        "conversation_id": turn.id,
        "created_at": now,
        "model": "tiny",
        "adapter": "base",
        "messages": [{"role": "user", "content": turn.text}],
        "replies": [turn.reply],
        "finish_reasons": ["stop"],
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "kind": "chat",
        "status": "complete",
        "listed": False,
        "metadata": {},
    }
    yield {
        "type": "feedback",
        "id": given.id,
        "target": turn.id,
        "created_at": now,
        "updated_at": now,
        "value": None,
        "correction": given.text,
        "preferred_over": None,
        "comment": None,
        "reason": None,
        "metadata": {},
        "status": "applied",
    }


def request_training(server: RunningServer, ledger: Ledger, user: str) -> str:
    """Ask for a run, and return its id."""
    with client(server, server.token) as admin:
        answer = admin.post(f"/v1/admin/adapters/{user}/train").raise_for_status()
    run: str = answer.json()["id"]
    ledger.runs.append(run)
    return run


def import_adapter(server: RunningServer, ledger: Ledger, user: str, folder: Path) -> None:
    """Import an adapter, and put it in use."""
    weights, headers = read_peft_folder(folder)
    path = f"/v1/admin/adapters/{user}"
    with client(server, server.token) as admin:
        answer = admin.post(f"{path}/versions", content=weights, headers=headers)
        label = answer.raise_for_status().json()["label"]
        ledger.versions.append((user, int(label.removeprefix("v"))))
        admin.post(f"{path}/promote", json={"version": label}).raise_for_status()


def wait_for_runs(server: RunningServer) -> None:
    """Return once no run is queued or running."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with client(server, server.token) as admin:
        while True:
            runs = admin.get("/v1/admin/runs").raise_for_status().json()["data"]
            if all(run["status"] in FINAL for run in runs):
                return
            assert time.monotonic() < deadline, "a run did not end"
            time.sleep(0.05)


@contextmanager
def talking(server: RunningServer, ledger: Ledger, people: Sequence[Person]) -> Iterator[None]:
    """People who chat, rate, name chats and delete until the server is gone or this ends."""
    is_over = threading.Event()
    failures: list[Exception] = []

    def talk(person: Person) -> None:
        try:
            with client(server, person.key) as http:
                _talk(http, ledger, person.id, is_over)
        except httpx.TransportError:
            pass  # the server is gone
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=talk, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert not failures, failures


def _talk(http: httpx.Client, ledger: Ledger, user: str, is_over: threading.Event) -> None:
    while True:
        first = chat(http, ledger, user, is_streamed=True)
        second = chat(http, ledger, user, is_streamed=False)
        given = correct(http, ledger, first)
        correct(http, ledger, second)
        delete_feedback(http, given)
        delete_turn(http, second)
        third = chat(http, ledger, user, is_streamed=True)
        correct(http, ledger, third)
        fourth, chat_id = respond(http, ledger, user)
        score(http, ledger, fourth)
        name_chat(http, ledger, user, chat_id)
        # A training gets on only in pauses.
        if is_over.wait(_PAUSE_SECONDS):
            return
