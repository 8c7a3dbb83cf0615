import io
import json
import logging
import zipfile

import pytest

from tests.server.live import LiveServer, Person, chat_body
from tests.server.test_bad_input import assert_refused


def test_a_new_user_can_chat_with_the_key_that_is_shown_once(live: LiveServer) -> None:
    with live.admin() as admin:
        made = admin.post("/v1/admin/users", json={"name": "zoe"})
        assert made.status_code == 201
        account = made.json()
        assert account["kind"] == "user"
        listed = admin.get("/v1/admin/users").json()["data"]
    assert live.chat(account["key"])["choices"]
    (row,) = [row for row in listed if row["id"] == account["id"]]
    assert (row["name"], row["adapter"], row["frozen"]) == ("zoe", "base", False)
    assert account["key"] not in json.dumps(listed)


def test_requests_that_name_nobody_are_seen(
    live: LiveServer, frontend: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with live.client(frontend.key) as client, caplog.at_level(logging.WARNING):
        said = [client.post("/v1/chat/completions", json=chat_body()) for _ in range(2)]
        named = client.post("/v1/chat/completions", json=chat_body(user="ann"))
    assert [each.headers.get("x-loralei-user") for each in (*said, named)] == [
        "anonymous",
        "anonymous",
        None,
    ]
    with live.admin() as admin:
        anonymous = admin.get(f"/v1/admin/users/{frontend.id}").json()["anonymous"]
    assert anonymous["requests"] == 2
    assert "trust_identity_headers" in anonymous["remedy"]
    assert [frontend.name in message for message in caplog.messages if "no user" in message] == [
        True
    ]


def test_a_name_can_be_taken_once(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        again = admin.post("/v1/admin/users", json={"name": person.name})
        assert_refused(again, 409, "name")
        assert again.headers["x-should-retry"] == "false"
        assert_refused(admin.post("/v1/admin/users", json={"name": "a/b"}), 400, "name")
        assert_refused(admin.post("/v1/admin/users", json={}), 400, "name")
        bad_kind = admin.post("/v1/admin/users", json={"name": "x", "kind": "god"})
        assert_refused(bad_kind, 400, "kind")


def test_a_replaced_key_stops_working_at_once(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        new = admin.post(f"/v1/admin/users/{person.name}/key").json()["key"]
    with live.client(person.key) as old, live.client(new) as fresh:
        assert_refused(old.get("/v1/me"), 401)
        assert fresh.get("/v1/me").json()["user"]["id"] == person.id


def test_an_erased_users_key_stops_working_at_once(live: LiveServer, person: Person) -> None:
    live.chat(person.key)
    with live.admin() as admin:
        erased = admin.delete(f"/v1/admin/users/{person.id}")
        assert erased.json()["erased"] == 1
        assert_refused(admin.get(f"/v1/admin/users/{person.id}"), 404)
    with live.client(person.key) as client:
        assert_refused(client.post("/v1/chat/completions", json=chat_body()), 401)


def test_erasing_a_frontend_erases_its_users(live: LiveServer, frontend: Person) -> None:
    live.chat(frontend.key, user="ann")
    (user,) = live.services.accounts.users_of(frontend.id)
    with live.admin() as admin:
        assert admin.delete(f"/v1/admin/users/{frontend.id}").json()["erased"] == 1
        assert_refused(admin.get(f"/v1/admin/users/{user.id}"), 404)


def test_feedback_on_an_erased_frontend_user_is_gone_for_good(
    live: LiveServer, frontend: Person
) -> None:
    completion = live.chat(frontend.key, user="ann")["id"]
    (user,) = live.services.accounts.users_of(frontend.id)
    feedback = {"target": completion, "value": "up", "user": "ann"}
    with live.admin() as admin, live.client(frontend.key) as client:
        admin.delete(f"/v1/admin/users/{user.id}")
        assert_refused(client.post("/v1/feedback", json=feedback), 410)
        assert live.services.accounts.users_of(frontend.id) == []
        live.chat(frontend.key, user="ann")
        assert_refused(client.post("/v1/feedback", json=feedback), 404, "target")


def test_the_last_admin_cannot_be_erased(live: LiveServer) -> None:
    admin_id = live.services.accounts.first_admin().id
    with live.admin() as admin:
        assert_refused(admin.delete(f"/v1/admin/users/{admin_id}"), 409)
        assert admin.get("/v1/me").status_code == 200


def test_one_users_export_can_be_imported_for_another(live: LiveServer, person: Person) -> None:
    completion = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        client.post("/v1/feedback", json={"target": completion, "correction": "a better one"})
    other = live.new_person()
    with live.admin() as admin:
        archive = admin.get(f"/v1/admin/users/{person.id}/export").content
        lines = zipfile.ZipFile(io.BytesIO(archive)).read("feedback.jsonl")
        made = admin.post(f"/v1/admin/users/{other.id}/feedback", content=lines)
        assert (made.status_code, made.json()["rows"]) == (201, 2)
    with live.client(other.key) as client:
        assert client.get("/v1/me").json()["counts"]["corrections"] == 1


def test_an_import_that_is_not_json_lines_stores_nothing(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/users/{person.id}/feedback"
        for body in (b"{", b"[]", b'{"type": "feedback"}', b'{"type": NaN}', b"\xff"):
            assert admin.post(path, content=body).status_code == 400, body
    assert list(live.services.stores.log.export(person.id)) == []


SECRET = "a-secret-of-at-least-32-characters"


def test_a_frontends_secret_is_never_shown_or_exported(live: LiveServer) -> None:
    body = {"name": "signing", "kind": "frontend", "jwt_secret": SECRET}
    with live.admin() as admin:
        made = admin.post("/v1/admin/users", json=body)
        shown = admin.get("/v1/admin/users/signing")
        exported = admin.get("/v1/admin/users/signing/export").content
    assert made.json()["identity"] == shown.json()["identity"] == "jwt"
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        files = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "signing" in files
    assert SECRET not in made.text + shown.text + files


def test_a_frontends_rules_can_be_changed(live: LiveServer, frontend: Person) -> None:
    path = f"/v1/admin/users/{frontend.id}/identity"
    changes: list[tuple[dict[str, object], str]] = [
        ({"jwt_secret": SECRET}, "jwt"),
        ({"trust_headers": True}, "headers"),
        ({"trust_headers": False}, "body"),
        ({}, "settings"),
    ]
    with live.admin() as admin:
        for body, identity in changes:
            assert admin.put(path, json=body).json()["identity"] == identity


def test_rules_that_make_no_sense_are_refused(
    live: LiveServer, person: Person, frontend: Person
) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/users/{frontend.id}/identity"
        assert_refused(admin.put(path, json={"jwt_secret": "short"}), 400, "jwt_secret")
        both = {"jwt_secret": SECRET, "trust_headers": True}
        assert_refused(admin.put(path, json=both), 400)
        users = f"/v1/admin/users/{person.id}/identity"
        assert_refused(admin.put(users, json={"trust_headers": True}), 400, "kind")
        new = {"name": "rules-of-a-user", "trust_headers": True}
        assert_refused(admin.post("/v1/admin/users", json=new), 400, "kind")


def test_what_a_frontend_calls_its_user_is_shown_and_exported_and_erased(live: LiveServer) -> None:
    new = {"name": "calling", "kind": "frontend", "trust_headers": True}
    with live.admin() as admin:
        key = admin.post("/v1/admin/users", json=new).json()["key"]
        headers = {"X-OpenWebUI-User-Id": "42", "X-OpenWebUI-User-Name": "Ann%20Lee"}
        with live.client(key, **headers) as client:
            client.post("/v1/chat/completions", json=chat_body()).raise_for_status()
        listed = admin.get("/v1/admin/users").json()["data"]
        [user] = [each for each in listed if each["name"] == "calling:42"]
        exported = admin.get(f"/v1/admin/users/{user['id']}/export").content
        admin.delete(f"/v1/admin/users/{user['id']}").raise_for_status()
        left = admin.get("/v1/admin/users").text
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        account = json.loads(archive.read("account.json"))
    assert user["display_name"] == account["display_name"] == "Ann Lee"
    assert "Ann Lee" not in left
