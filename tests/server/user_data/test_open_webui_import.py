"""Open WebUI's feedback export, imported into a running server."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.user_data.open_webui_export import JsonRow
from tests.server.cli.test_cli import run, succeeded
from tests.server.live import LiveServer, Person, chat_body
from tests.server.test_bad_input import assert_refused
from tests.server.user_data.open_webui import CHAT, REGENERATED, USER, history, rating


@pytest.fixture(autouse=True)
def of_the_settings(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_DATA_DIR", str(live.services.settings.data_dir))


def upload(live: LiveServer, frontend: Person, *rows: Any) -> JsonRow:
    with live.admin() as admin:
        path = f"/v1/admin/users/{frontend.id}/feedback/open-webui"
        answer: JsonRow = admin.post(path, json=list(rows)).raise_for_status().json()
    return answer


def feedback(live: LiveServer, frontend: Person, user: str = USER) -> list[JsonRow]:
    with live.client(frontend.key) as client:
        found = client.get("/v1/feedback", params={"user": user}).raise_for_status().json()
    data: list[JsonRow] = found["data"]
    return data


def test_ratings_are_stored_for_the_users_who_gave_them(live: LiveServer, frontend: Person) -> None:
    other = rating(id="another", user_id="ben")
    done = upload(live, frontend, rating(), other)
    assert (done["rows"], done["users"], done["skipped"]) == (6, 2, [])
    for user in (USER, "ben"):
        (item,) = feedback(live, frontend, user)
        assert (item["value"], item["status"]) == (1, "applied")
        assert item["preferred_over"] is not None


def test_a_second_import_stores_nothing(live: LiveServer, frontend: Person) -> None:
    upload(live, frontend, rating())
    before = feedback(live, frontend)
    assert upload(live, frontend, rating())["rows"] == 0
    assert feedback(live, frontend) == before


def test_a_turn_that_loralei_answered_itself_is_not_stored_again(
    live: LiveServer, frontend: Person
) -> None:
    headers = {"x-loralei-chat-id": CHAT, "x-loralei-message-id": REGENERATED}
    with live.client(frontend.key) as client:
        body = chat_body(user=USER)
        said = client.post("/v1/chat/completions", json=body, headers=headers).json()
    done = upload(live, frontend, rating())
    (item,) = feedback(live, frontend)
    # Its prompt is not the one in the snapshot, so the two replies cannot be compared.
    assert (done["rows"], item["target"], item["preferred_over"]) == (1, said["id"], None)


def test_bad_ratings_are_skipped_and_named(live: LiveServer, frontend: Person) -> None:
    bad = [7, rating(id="empty", messages=history(content="")), rating(user_id="{{USER_ID}}")]
    done = upload(live, frontend, *bad, rating())
    assert done["users"] == 1
    assert [(each["row"], each["id"]) for each in done["skipped"]] == [
        (1, None),
        (2, "empty"),
        (3, rating()["id"]),
    ]
    assert "placeholder" in done["skipped"][2]["why"]


def test_an_erased_user_does_not_come_back(live: LiveServer, frontend: Person) -> None:
    upload(live, frontend, rating())
    with live.client(frontend.key) as client:
        client.delete("/v1/me", params={"user": USER}).raise_for_status()
    done = upload(live, frontend, rating())
    assert (done["rows"], len(done["skipped"])) == (0, 1)
    assert "erased" in done["skipped"][0]["why"]


def test_a_chat_of_imported_turns_is_deleted_like_any_other(
    live: LiveServer, frontend: Person
) -> None:
    upload(live, frontend, rating())
    with live.client(frontend.key) as client:
        deleted = client.delete(f"/v1/chats/{CHAT}", params={"user": USER}).json()
    assert deleted["deleted"] == 2
    assert feedback(live, frontend) == []


@pytest.mark.parametrize("content", [b"{}", b"nonsense", b""])
def test_a_file_that_is_no_export_is_refused(
    live: LiveServer, frontend: Person, content: bytes
) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/users/{frontend.id}/feedback/open-webui"
        assert admin.post(path, content=content).status_code == 400


def test_only_a_frontend_has_users_to_import_for(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        path = f"/v1/admin/users/{person.id}/feedback/open-webui"
        refused = admin.post(path, json=[rating()])
    assert_refused(refused, 400, "kind")


def test_the_command_imports_a_file_and_names_what_it_skipped(
    live: LiveServer, frontend: Person, tmp_path: Path
) -> None:
    file = tmp_path / "feedback-history-export.json"
    file.write_text(json.dumps([rating(), rating(id="no", snapshot=None)]), encoding="utf-8")
    result = run("feedback", "import", frontend.name, str(file), "--from", "open-webui")
    assert result.exit_code == 0
    assert "Imported 3 records of 1 users." in result.stdout
    assert "Rating 2 (no) was skipped: it has no snapshot" in result.stderr
    assert "0 records" in succeeded(
        "feedback", "import", frontend.name, str(file), "--from", "open-webui"
    )
