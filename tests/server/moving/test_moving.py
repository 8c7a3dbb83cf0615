"""A user goes from one cell to another and back, with everything."""

import io
import json
import threading
import zipfile
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from feedback.rules.rule import Rule
from feedback.rules.user_rules import RuleDecision, RuleStatus
from server.cli.app import app
from server.user_data.moving.tables import digest_of, read_rows
from tests.server.live import LiveServer, Person, chat_body
from tests.server.peft_folder import put_version_to_use
from tests.waiting import wait_until


def loralei(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def move(user: Person | str, to: LiveServer, *options: str) -> Result:
    """Move a user of the command line's cell."""
    name = user if isinstance(user, str) else user.id
    target = ("--to", to.url, "--key", to.admin_key)
    return loralei("users", "move", name, *target, *options)


def learner(cell: LiveServer) -> Person:
    """Somebody with something in every table."""
    person = cell.new_person()
    said = [cell.chat(person.key, text)["id"] for text in ("What is tea?", "Who was Ada?")]
    with cell.client(person.key) as client:
        for completion in said:
            body = {"target": completion, "correction": f"better than {completion}"}
            client.post("/v1/feedback", json=body).raise_for_status()
        client.post("/v1/feedback", json={"target": "chatcmpl-later", "value": "up"})
        chat = client.get("/v1/chats").json()["data"][0]["id"]
        client.patch(f"/v1/chats/{chat}", json={"title": "tea"}).raise_for_status()
        client.put("/v1/me/organisation", json={"uses": False}).raise_for_status()
    stores = cell.services.stores
    stores.log.decide(RuleDecision(person.id, Rule("case", "lower"), RuleStatus.PINNED, 1.0))
    run = stores.runs.create(person.id, trigger="request", requested_by="test", at=1.0)
    stores.runs.request_cancel(run.id, 2.0)
    put_version_to_use(cell, person)
    version = stores.registry.active(person.id)
    assert version is not None
    suite = stores.suite_runs.create(
        person.id,
        version.number,
        base_revision=version.base_revision,
        trigger="request",
        requested_by="test",
        at=1.0,
    )
    stores.suite_runs.start(suite.id, 2.0)
    stores.suite_runs.fail(suite.id, "a test", 3.0)
    stores.registry.roll_back(person.id, by="test", at=4.0, reason="a test")
    stores.registry.promote(
        person.id, version.number, expected=None, by="test", at=5.0, reason="a test"
    )
    with cell.client(person.key) as client:
        body = {"target": said[0], "correction": "better still"}
        client.post("/v1/feedback", json=body).raise_for_status()
    return person


def status(cell: LiveServer, person: Person) -> tuple[int, str | None]:
    with cell.client(person.key) as client:
        answer = client.get("/v1/me")
    return answer.status_code, answer.json().get("error", {}).get("code")


def exported(cell: LiveServer, person: Person) -> dict[str, list[Any]]:
    """The export of a user, without the entries that the move itself made."""
    with cell.admin() as admin:
        archive = admin.get(f"/v1/admin/users/{person.id}/export").content
    bundle = zipfile.ZipFile(io.BytesIO(archive))
    return {
        name: [json.loads(line) for line in bundle.read(name).splitlines()]
        if name.endswith(".jsonl")
        else [bundle.read(name)]
        for name in bundle.namelist()
        if name != "account.json"
    }


def test_a_user_who_moves_has_everything_there_and_the_same_key(
    a: LiveServer, b: LiveServer
) -> None:
    person = learner(a)
    before, unseen = exported(a, person), a.services.stores.unseen.of(person.id)
    rows = read_rows(a.services.stores.database, person.id)
    assert all(rows.values()) or [name for name in rows if not rows[name]] == ["adapter_freezes"]
    moved = move(person, b)
    assert moved.exit_code == 0, moved.output
    assert exported(b, person) == before
    assert b.services.stores.unseen.of(person.id) == unseen
    assert not b.services.stores.registry.is_frozen(person.id)
    assert b.chat(person.key, "and now?")["loralei"]["adapter"] != "base"
    use = b.services.stores.log.storage_use(person.id)
    assert use.items == len(rows["interactions"]) + len(rows["feedback"]) + 1


def test_the_cell_that_was_left_asks_to_try_again_and_holds_no_text(
    a: LiveServer, b: LiveServer
) -> None:
    person = learner(a)
    assert move(person, b).exit_code == 0
    with a.client(person.key) as client:
        answer = client.post("/v1/chat/completions", json=chat_body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "user_is_moving")
    assert answer.headers["retry-after"] == "1"
    assert not any(read_rows(a.services.stores.database, person.id).values())
    with a.admin() as admin:
        assert admin.delete(f"/v1/admin/users/{person.id}").status_code == 200
    assert status(a, person)[0] == 401
    assert status(b, person)[0] == 200


def test_a_user_comes_back_with_everything(
    a: LiveServer, b: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = learner(a)
    before = exported(a, person)
    assert move(person, b).exit_code == 0
    monkeypatch.setenv("LORALEI_DATA_DIR", str(b.services.settings.data_dir))
    back = move(person, a)
    assert back.exit_code == 0, back.output
    assert exported(a, person) == before
    assert (status(a, person)[0], status(b, person)[0]) == (200, 503)


def test_a_frontends_user_keeps_its_name_there(a: LiveServer, b: LiveServer) -> None:
    frontend = a.new_person("frontend")
    completion = a.chat(frontend.key, user="ann/1")["id"]
    [user] = a.services.accounts.users_of(frontend.id)
    unknown = move(user.id, b)
    assert unknown.exit_code == 1
    assert "copy it to this cell before" in unknown.output
    copied = loralei("users", "copy", frontend.id, "--to", b.url, "--key", b.admin_key)
    assert copied.exit_code == 0, copied.output
    assert move(user.id, b).exit_code == 0
    with b.client(frontend.key) as client:
        params = {"user": "ann/1"}
        body = {"target": completion, "value": "up", **params}
        assert client.post("/v1/feedback", json=body).status_code == 201
        assert client.get("/v1/me", params=params).json()["user"]["id"] == user.id
    with a.client(frontend.key) as client:
        body = chat_body(user="ann/1")
        assert client.post("/v1/chat/completions", json=body).status_code == 503
        assert client.post("/v1/chat/completions", json=chat_body(user="bob")).status_code == 200


def test_a_move_waits_for_the_reply_that_is_being_written(
    a: LiveServer, b: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, released = a.new_person(), threading.Event()
    engine, results = a.local_engine, list[Result]()
    step = engine.step

    def held_step() -> None:
        released.wait(20)
        step()

    monkeypatch.setattr(engine, "step", held_step)
    replies = list[dict[str, Any]]()
    chat = threading.Thread(target=lambda: replies.append(a.chat(person.key, "slowly")))
    mover = threading.Thread(target=lambda: results.append(move(person, b)))
    try:
        chat.start()
        wait_until(lambda: a.services.moves.num_present(person.id))
        mover.start()
        wait_until(lambda: a.services.moves.of(person.id))
        with a.admin() as admin:
            archive = admin.get(f"/v1/admin/users/{person.id}/move/archive")
        assert archive.json()["error"]["code"] == "move_conflict"
    finally:
        released.set()
        chat.join()
        mover.join()
    assert results[0].exit_code == 0, results[0].output
    assert b.services.stores.log.interaction(person.id, replies[0]["id"])


def test_a_user_stays_whose_requests_do_not_end(a: LiveServer, b: LiveServer) -> None:
    person = a.new_person()
    leave = a.services.moves.enter(person.id)
    refused = move(person, b, "--wait", "0")
    leave()
    assert "still being answered" in refused.output
    assert status(a, person)[0] == 200
    assert not a.services.stores.registry.is_frozen(person.id)


def test_a_user_does_not_move_during_a_training(a: LiveServer, b: LiveServer) -> None:
    person = a.new_person()
    runs = a.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=1.0)
    runs.start(run.id, 2.0)
    refused = move(person, b)
    runs.fail(run.id, "a test", 3.0)
    assert "A training of the user is open" in refused.output
    assert status(a, person)[0] == 200


def step(cell: LiveServer, method: str, path: str, **options: Any) -> httpx.Response:
    with cell.admin() as admin:
        return admin.request(method, path, **options)


def received(a: LiveServer, b: LiveServer, person: Person) -> dict[str, Any]:
    """Carry out a move as far as the copy."""
    path = f"/v1/admin/users/{person.id}/move"
    step(a, "POST", path).raise_for_status()
    archive = step(a, "GET", f"{path}/archive").raise_for_status().content
    answer: dict[str, Any] = step(b, "POST", "/v1/admin/moves", content=archive).json()
    return answer


def test_nothing_is_let_go_that_changed_after_it_was_packed(a: LiveServer, b: LiveServer) -> None:
    person = learner(a)
    arrived = received(a, b, person)
    a.services.stores.log.expire_pending(1e12)
    body = {"digest": arrived["digest"]}
    path = f"/v1/admin/users/{person.id}/move"
    assert step(a, "POST", f"{path}/finish", json=body).status_code == 409
    assert step(b, "POST", f"{path}/open", json={"digest": "0" * 64}).status_code == 409
    assert status(b, person) == (503, "user_is_moving")
    assert move(person, b).exit_code == 0  # packs it again, in the place of the copy
    assert digest_of(read_rows(b.services.stores.database, person.id)) != arrived["digest"]


def test_a_move_that_was_cut_short_goes_on_with_the_same_command(
    a: LiveServer, b: LiveServer
) -> None:
    person = learner(a)
    arrived = received(a, b, person)
    path, body = f"/v1/admin/users/{person.id}/move", {"digest": arrived["digest"]}
    step(a, "POST", f"{path}/finish", json=body).raise_for_status()
    assert (status(a, person)[0], status(b, person)[0]) == (503, 503)
    assert move(person, b).exit_code == 0
    assert status(b, person)[0] == 200
    assert move(person, b).exit_code == 0


def test_a_move_that_is_stopped_leaves_the_user_where_it_was(a: LiveServer, b: LiveServer) -> None:
    person = learner(a)
    before = exported(a, person)
    received(a, b, person)
    stopped = move(person, b, "--stop")
    assert stopped.exit_code == 0, stopped.output
    assert exported(a, person) == before
    assert (status(a, person)[0], status(b, person)[0]) == (200, 401)
    assert not a.services.stores.registry.is_frozen(person.id)


def test_an_admin_cannot_change_a_user_who_is_leaving(a: LiveServer, b: LiveServer) -> None:
    person = a.new_person()
    step(a, "POST", f"/v1/admin/users/{person.id}/move").raise_for_status()
    for method, path in (
        ("POST", f"users/{person.id}/key"),
        ("DELETE", f"users/{person.id}"),
        ("POST", f"users/{person.id}/feedback"),
        ("POST", f"adapters/{person.id}/train"),
        ("POST", f"adapters/{person.id}/unfreeze"),
    ):
        assert step(a, method, f"/v1/admin/{path}").status_code == 503, path
    assert step(a, "GET", f"/v1/admin/users/{person.id}").status_code == 200


def test_a_name_that_is_taken_there_needs_a_new_one(a: LiveServer, b: LiveServer) -> None:
    person = a.new_person()
    with b.admin() as admin:
        admin.post("/v1/admin/users", json={"name": person.name})
    refused = move(person, b)
    assert "another user here has the name" in refused.output
    assert move(person, b, "--name", f"{person.name}-of-a").exit_code == 0
    with b.client(person.key) as client:
        assert client.get("/v1/me").json()["user"]["name"] == f"{person.name}-of-a"


def test_admins_and_frontends_do_not_move(a: LiveServer, b: LiveServer) -> None:
    assert "An admin belongs to one cell" in move("admin", b).output
    assert "copy it" in move(a.new_person("frontend"), b).output
    person = a.new_person()
    copied = loralei("users", "copy", person.id, "--to", b.url, "--key", b.admin_key)
    assert "is no frontend" in copied.output


def changed(archive: bytes, name: str, content: bytes | None) -> bytes:
    """The archive with another content of one file, or without it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info.filename, old.read(info))
        if content is not None:
            new.writestr(name, content)
    return made.getvalue()


def test_an_archive_that_is_not_whole_stores_nothing(a: LiveServer, b: LiveServer) -> None:
    person = learner(a)
    path = f"/v1/admin/users/{person.id}/move"
    step(a, "POST", path).raise_for_status()
    archive = step(a, "GET", f"{path}/archive").content
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        rows, account = bundle.read("rows.jsonl"), json.loads(bundle.read("account.json"))
        weights = next(name for name in bundle.namelist() if name.endswith(".safetensors"))
    other = {**account, "account": {**account["account"], "id": "user-" + "0" * 32}}
    for body in (
        b"no archive",
        archive[: len(archive) // 2],
        changed(archive, "rows.jsonl", rows + b'["feedback", {}]\n'),
        changed(archive, "rows.jsonl", None),
        changed(archive, "account.json", b"{}"),
        changed(archive, "account.json", json.dumps(other).encode()),
        changed(archive, weights, b"other weights"),
        changed(archive, "adapters/../../strange", b""),
    ):
        refused = step(b, "POST", "/v1/admin/moves", content=body)
        assert refused.status_code == 400, refused.text
    assert step(b, "GET", path).status_code == 404
    assert not list(b.services.stores.files.trash.root.parent.glob(".staging/*"))


def test_every_new_key_leads_to_the_cell_that_made_it(a: LiveServer, b: LiveServer) -> None:
    for cell in (a, b):
        people = [cell.new_person() for _ in range(8)]
        with cell.admin() as admin:
            replaced = admin.post(f"/v1/admin/users/{people[0].id}/key").json()["key"]
        owners = [each.key[:19] for each in people] + [replaced[:19]]
        assert {cell.services.cells.home_of(owner) for owner in owners} == {
            cell.services.cells.here
        }


def test_the_map_names_those_who_live_where_the_hash_does_not_lead(
    a: LiveServer, b: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a.new_person()
    line = f'"{person.key[:19]}" b;'
    moved = move(person, b)
    assert line in moved.stdout.splitlines()
    assert line not in loralei("cells", "map").output
    monkeypatch.setenv("LORALEI_DATA_DIR", str(b.services.settings.data_dir))
    assert line in loralei("cells", "map").output.splitlines()
    assert move(person, a).stdout == ""
