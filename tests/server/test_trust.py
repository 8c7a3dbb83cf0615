"""Frontends that name their user with a signature or with headers the operator trusts."""

import time
from pathlib import Path

import jwt
import pytest
from fastapi import Request

from server.accounts.accounts import AccountKind
from server.accounts.identity import BodyIdentity, IdentityRules
from server.auth import named_by_frontend
from tests.server.live import LiveServer, chat_body, running
from tests.server.test_bad_input import assert_refused

SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "another-secret-of-enough-length!"


def signed(sub: str, secret: str = SECRET) -> dict[str, str]:
    now = int(time.time())
    claims = {"sub": sub, "iss": "open-webui", "iat": now, "exp": now + 300}
    return {"X-OpenWebUI-User-Jwt": jwt.encode(claims, secret, algorithm="HS256")}


def test_a_signed_user_is_the_user_and_nothing_else_is(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", openwebui_jwt_secret=SECRET) as server:
        frontend = server.new_person("frontend")
        with server.client(frontend.key) as client:
            path = "/v1/chat/completions"
            forged = {"X-OpenWebUI-User-Id": "ann"}
            assert_refused(client.post(path, json=chat_body(user="ann"), headers=forged), 401)
            wrong = signed("ann", OTHER_SECRET)
            assert_refused(client.post(path, json=chat_body(), headers=wrong), 401)
            mine = client.post(path, json=chat_body(user="eve"), headers=signed("ann")).json()
            assert client.get(f"{path}/{mine['id']}", headers=signed("ann")).status_code == 200
            assert_refused(client.get(f"{path}/{mine['id']}", headers=signed("eve")), 404)
        names = [user.external_id for user in server.services.accounts.users_of(frontend.id)]
    assert names == ["ann"]


def test_a_signed_name_that_expires_during_its_request_stays_good(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, rules = live.services.accounts, IdentityRules(jwt_secret=SECRET)
    frontend, _ = accounts.create("expiring", AccountKind.FRONTEND, time.time(), rules)
    headers = [(name.lower().encode(), value.encode()) for name, value in signed("ann").items()]
    request = Request({"type": "http", "headers": headers})
    first = named_by_frontend(request, live.services, frontend, BodyIdentity())
    later = time.time() + 3600
    monkeypatch.setattr("server.auth.time.time", lambda: later)
    assert named_by_frontend(request, live.services, frontend, BodyIdentity()) == first
    assert first is not None and first.id == "ann"


def test_a_trusted_header_names_the_user(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", trust_identity_headers=True) as server:
        frontend = server.new_person("frontend")
        with server.client(frontend.key, **{"X-OpenWebUI-User-Id": "ann"}) as client:
            client.post("/v1/chat/completions", json=chat_body(user="eve"))
            assert client.get("/v1/me").json()["counts"]["interactions"] == 1
        names = [user.external_id for user in server.services.accounts.users_of(frontend.id)]
    assert names == ["ann"]


def test_each_frontend_has_its_own_rules(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", openwebui_jwt_secret=SECRET) as server:
        signing = add_frontend(server, "webui", jwt_secret=OTHER_SECRET)
        trusted = add_frontend(server, "librechat", trust_headers=True)
        plain = add_frontend(server, "gradio", trust_headers=False)
        path, header = "/v1/chat/completions", {"X-Loralei-User-Id": "bob"}
        with server.client(signing) as client:
            assert_refused(client.post(path, json=chat_body(), headers=signed("ann")), 401)
            right = signed("ann", OTHER_SECRET)
            assert client.post(path, json=chat_body(), headers=right).status_code == 200
        for key in (trusted, plain):
            with server.client(key) as client:
                client.post(path, json=chat_body(user="ann"), headers=header).raise_for_status()
        accounts = server.services.accounts
        names = [
            user.external_id
            for name in ("webui", "librechat", "gradio")
            for user in accounts.users_of(accounts.find(name).id)
        ]
    assert names == ["ann", "bob", "ann"]


def add_frontend(server: LiveServer, name: str, **identity: str | bool) -> str:
    with server.admin() as admin:
        made = admin.post("/v1/admin/users", json={"name": name, "kind": "frontend", **identity})
    made.raise_for_status()
    return str(made.json()["key"])
