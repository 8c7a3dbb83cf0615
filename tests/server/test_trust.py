"""Frontends that name their user with a signature or with headers the operator trusts."""

import time
from pathlib import Path

import jwt

from tests.server.live import chat_body, running
from tests.server.test_bad_input import assert_refused

SECRET = "0123456789abcdef0123456789abcdef"


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
            wrong = signed("ann", secret="another-secret-of-enough-length!")
            assert_refused(client.post(path, json=chat_body(), headers=wrong), 401)
            mine = client.post(path, json=chat_body(user="eve"), headers=signed("ann")).json()
            assert client.get(f"{path}/{mine['id']}", headers=signed("ann")).status_code == 200
            assert_refused(client.get(f"{path}/{mine['id']}", headers=signed("eve")), 404)
        names = [user.external_id for user in server.services.accounts.users_of(frontend.id)]
    assert names == ["ann"]


def test_a_trusted_header_names_the_user(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", trust_identity_headers=True) as server:
        frontend = server.new_person("frontend")
        with server.client(frontend.key, **{"X-OpenWebUI-User-Id": "ann"}) as client:
            client.post("/v1/chat/completions", json=chat_body(user="eve"))
            assert client.get("/v1/me").json()["counts"]["interactions"] == 1
        names = [user.external_id for user in server.services.accounts.users_of(frontend.id)]
    assert names == ["ann"]
