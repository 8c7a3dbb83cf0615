"""`loralei connect open-webui`: what it prints, and what it makes."""

import json
import re
from pathlib import Path

import pytest

from server.cli.open_webui.recipe import FUNCTION
from tests.server.cli.test_cli import run, succeeded
from tests.server.live import LiveServer, Person


@pytest.fixture
def server(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """The running server, as the one of the operator's settings."""
    monkeypatch.setenv("LORALEI_DATA_DIR", str(live.services.settings.data_dir))
    return live


def variable(printed: str, name: str) -> str:
    (value,) = re.findall(rf"^ +{name}=(.*)$", printed, flags=re.MULTILINE)
    return str(value).strip("'")


def test_a_new_frontend_gets_a_key_that_works_with_the_printed_address(
    server: LiveServer,
) -> None:
    printed = succeeded("connect", "open-webui", "--name", "a-new-webui")
    assert variable(printed, "OPENAI_API_BASE_URLS") == f"{server.url}/v1"
    with server.client(variable(printed, "OPENAI_API_KEYS")) as client:
        assert client.get("/v1/models").is_success


def test_the_key_of_a_frontend_that_exists_stays_and_is_not_shown(
    server: LiveServer, frontend: Person
) -> None:
    printed = succeeded("connect", "open-webui", "--name", frontend.name)
    assert variable(printed, "OPENAI_API_KEYS") == f"<the key of {frontend.name}>"
    assert "lk-" not in printed
    with server.client(frontend.key) as client:
        assert client.get("/v1/models").is_success


def test_a_person_is_not_taken_for_a_frontend(server: LiveServer, person: Person) -> None:
    result = run("connect", "open-webui", "--name", person.name)
    assert result.exit_code == 1
    assert "no frontend" in result.stderr


def test_the_headers_name_message_chat_and_task(server: LiveServer, frontend: Person) -> None:
    printed = succeeded("connect", "open-webui", "--name", frontend.name)
    headers = json.loads(variable(printed, "OPENAI_API_CONFIGS"))["0"]["headers"]
    assert headers == {
        "X-Loralei-Message-Id": "{{MESSAGE_ID}}",
        "X-Loralei-Chat-Id": "{{CHAT_ID}}",
        "X-Loralei-Task": "{{TASK}}",
    }


def test_users_are_named_as_the_settings_say(
    server: LiveServer, frontend: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALEI_TRUST_IDENTITY_HEADERS", "true")
    plain = succeeded("connect", "open-webui", "--name", frontend.name)
    assert "set up for this already" in plain
    assert "JWT_SECRET" not in plain
    monkeypatch.setenv("LORALEI_OPENWEBUI_JWT_SECRET", "s" * 32)
    signed = succeeded("connect", "open-webui", "--name", frontend.name)
    assert "s" * 32 not in signed  # it is the operator's own
    assert variable(signed, "FORWARD_USER_INFO_HEADER_JWT_SECRET").startswith("<")


def test_a_new_frontend_signs_with_a_secret_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALEI_DATA_DIR", str(tmp_path / "data"))
    first = succeeded("connect", "open-webui")
    second = succeeded("connect", "open-webui", "--name", "another")
    secrets = {variable(each, "FORWARD_USER_INFO_HEADER_JWT_SECRET") for each in (first, second)}
    assert len(secrets) == 2
    assert all(len(each) >= 32 for each in secrets)
    assert "set up for this already" in first
    again = succeeded("connect", "open-webui")
    assert variable(again, "FORWARD_USER_INFO_HEADER_JWT_SECRET").startswith("<")


def test_a_frontend_without_rules_gets_the_command_that_makes_them(
    server: LiveServer, frontend: Person
) -> None:
    printed = succeeded("connect", "open-webui", "--name", frontend.name)
    secret = variable(printed, "FORWARD_USER_INFO_HEADER_JWT_SECRET")
    assert f"loralei users identity {frontend.name} --jwt-secret {secret}" in printed


def test_the_function_is_printed_alone() -> None:
    printed = succeeded("connect", "open-webui", "--function")
    assert printed == FUNCTION.read_text(encoding="utf-8")
