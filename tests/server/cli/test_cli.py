"""The command line, against a running server and on its own."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.cli.app import app
from server.data_folder import DataFolder
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import config, import_version, random_weights
from tests.server.suite import give_verdict, let_the_base_be_ideal


def run(*arguments: str, typed: str | None = None) -> Result:
    """Run one command as a person would."""
    return CliRunner().invoke(app, arguments, input=typed)


def succeeded(*arguments: str) -> str:
    """What a command prints that must not fail."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def server(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    """The running server, as the one of the operator's settings."""
    monkeypatch.setenv("LORALEI_DATA_DIR", str(live.services.settings.data_dir))
    monkeypatch.setenv("COLUMNS", "200")
    return live


@pytest.fixture
def no_server(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that nobody uses."""
    monkeypatch.setenv("LORALEI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LORALEI_MODEL", str(tiny_model))
    monkeypatch.setenv("LORALEI_THREADS", "1")
    return tmp_path / "data"


@pytest.mark.parametrize("arguments", [("--help",), ("adapters", "--help")])
def test_help_answers_without_importing_pytorch_or_the_web_framework(
    arguments: tuple[str, ...],
) -> None:
    code = (
        "import sys, server.cli.app\n"
        "try: server.cli.app.main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'fastapi'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-P", "-c", code, *arguments]
    subprocess.run(command, capture_output=True, text=True, check=True)


def test_a_wrong_setting_ends_the_command_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_PORT", "many")
    result = run("users", "list")
    assert result.exit_code == 1
    assert "port" in result.stderr


def test_a_misspelt_setting_ends_the_command_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LORALEI_PROT", "8000")
    assert "LORALEI_PROT" in run("users", "list").stderr


def test_users_add_prints_a_key_that_the_server_knows(server: LiveServer) -> None:
    key = succeeded("users", "add", "typed-in-a-terminal").strip()
    with server.client(key) as client:
        assert client.get("/v1/me").json()["user"]["name"] == "typed-in-a-terminal"


def test_users_add_refuses_a_name_that_is_taken(server: LiveServer, person: Person) -> None:
    result = run("users", "add", person.name)
    assert result.exit_code == 1
    assert "taken" in result.stderr


def test_users_key_replaces_the_key(server: LiveServer, person: Person) -> None:
    key = succeeded("users", "key", person.name).strip()
    with server.client(person.key) as old, server.client(key) as new:
        assert old.get("/v1/me").status_code == 401
        assert new.get("/v1/me").status_code == 200


def test_users_identity_changes_how_a_frontend_names_its_users(
    server: LiveServer, frontend: Person
) -> None:
    succeeded("users", "add", "trusted", "--kind", "frontend", "--trust-headers")
    assert "by: headers" in succeeded("users", "identity", "trusted", "--trust-headers")
    secret = "a-secret-of-at-least-32-characters"
    changed = succeeded("users", "identity", frontend.name, "--jwt-secret", secret)
    assert "by: jwt" in changed and secret not in changed
    assert "by: settings" in succeeded("users", "identity", frontend.name)


def test_users_list_shows_what_a_frontend_calls_its_user(
    server: LiveServer, frontend: Person
) -> None:
    accounts = server.services.accounts
    accounts.acting_user(accounts.find(frontend.id), "42", 1.0, "Zoë [b] Lee")
    assert f"{frontend.name}:42 Zoë [b] Lee" in succeeded("users", "list")


def test_users_list_shows_everybody(server: LiveServer, person: Person) -> None:
    assert person.name in succeeded("users", "list")


def test_a_name_with_odd_characters_reaches_the_right_user(server: LiveServer) -> None:
    succeeded("users", "add", "Zoë [b] & co.")
    assert "Zoë [b] & co." in succeeded("users", "list")
    assert "Erased" in succeeded("erase", "Zoë [b] & co.", "--yes")


def test_an_unknown_user_ends_the_command_with_the_reason(server: LiveServer) -> None:
    result = run("adapters", "show", "nobody")
    assert result.exit_code == 1
    assert "nobody" in result.stderr


def test_retrain_says_why_nothing_came_of_it(server: LiveServer, person: Person) -> None:
    result = run("retrain", person.name)
    assert result.exit_code == 1
    assert "refused" in result.output
    assert "nothing to learn from" in result.output


def test_adapters_list_names_the_version_that_answers(server: LiveServer, person: Person) -> None:
    import_version(server, person)
    succeeded("adapters", "promote", person.name, "v1")
    [line] = [line for line in succeeded("adapters", "list").splitlines() if person.name in line]
    assert "v1" in line


def test_adapters_delete_deletes_a_version_that_is_not_in_use(
    server: LiveServer, person: Person
) -> None:
    import_version(server, person)
    assert (
        succeeded("adapters", "delete", person.name, "v1") == f"v1 of {person.name} is deleted.\n"
    )
    gone = run("adapters", "show", person.name, "v1")
    assert (gone.exit_code, gone.output) == (1, "Error: v1 was deleted\n")


def test_adapters_show_lists_versions_and_promotions(server: LiveServer, person: Person) -> None:
    import_version(server, person)
    succeeded("adapters", "promote", person.name, "1")
    shown = succeeded("adapters", "show", person.name)
    assert "in use" in shown
    assert "promoted by an admin" in shown


def test_adapters_show_has_everything_about_one_version(server: LiveServer, person: Person) -> None:
    version = import_version(server, person)
    assert version["checksum"] in succeeded("adapters", "show", person.name, "v1")


def test_adapters_show_has_the_measures_of_the_evaluation_suite(
    server: LiveServer, person: Person
) -> None:
    import_version(server, person)
    give_verdict(server, person)
    shown = succeeded("adapters", "show", person.name, "v1")
    assert "It follows 10 of 40 instructions" in shown
    assert "25%" in shown


def test_adapters_evaluate_follows_the_suite_and_says_what_came_of_it(
    server: LiveServer, person: Person
) -> None:
    let_the_base_be_ideal(server)
    import_version(server, person)
    stores = server.services.stores
    stores.files.remove(stores.registry.version(person.id, 1))
    result = run("adapters", "evaluate", person.name, "v1")
    assert result.exit_code == 1
    assert "failed" in result.output
    assert "could not be tried" in result.output


def test_adapters_evaluate_without_a_version_in_use_is_an_error(
    server: LiveServer, person: Person
) -> None:
    assert "base is not a version" in run("adapters", "evaluate", person.name).stderr


def test_rollback_goes_back_to_what_answered_before(server: LiveServer, person: Person) -> None:
    import_version(server, person)
    succeeded("adapters", "promote", person.name, "v1")
    assert "answered by base again" in succeeded("adapters", "rollback", person.name)


def test_rollback_without_a_promotion_is_an_error(server: LiveServer, person: Person) -> None:
    assert run("adapters", "rollback", person.name).exit_code == 1


def test_a_version_that_is_none_is_an_error(server: LiveServer, person: Person) -> None:
    assert "latest is not a version" in run("adapters", "show", person.name, "latest").stderr


def test_freeze_and_unfreeze_change_the_adapter(server: LiveServer, person: Person) -> None:
    succeeded("adapters", "freeze", person.name)
    assert "frozen" in succeeded("adapters", "show", person.name)
    succeeded("adapters", "unfreeze", person.name)
    assert "frozen" not in succeeded("adapters", "show", person.name)


def test_an_exported_adapter_imports_again(
    server: LiveServer, person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(random_weights(server, seed=1))
    [encoded] = config(server).values()
    (folder / "adapter_config.json").write_bytes(base64.b64decode(encoded))
    assert "Imported as v1" in succeeded("adapters", "import", person.name, str(folder))
    archive = tmp_path / "v1.zip"
    succeeded("adapters", "export", person.name, "v1", "--output", str(archive))
    assert archive.read_bytes().startswith(b"PK")


def test_an_adapter_is_exported_as_a_gguf_file(
    server: LiveServer, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_version(server, person)
    monkeypatch.chdir(tmp_path)
    assert "adapter-v1.gguf" in succeeded("adapters", "export", person.name, "v1", "--gguf")
    assert (tmp_path / "adapter-v1.gguf").read_bytes().startswith(b"GGUF")


def test_an_import_shows_its_warning_unless_the_base_is_said_to_be_the_same(
    server: LiveServer, person: Person, tmp_path: Path
) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(random_weights(server, seed=1))
    [encoded] = config(server, base_model_name_or_path="unsloth/other").values()
    (tmp_path / "adapter_config.json").write_bytes(base64.b64decode(encoded))
    arguments = ("adapters", "import", person.name, str(tmp_path))
    warned, quiet = run(*arguments), run(*arguments, "--same-base")
    assert (warned.exit_code, quiet.exit_code) == (0, 0)
    assert "Warning: The adapter was made for 'unsloth/other'." in warned.stderr
    assert "Imported as v1" in warned.stdout
    assert quiet.stderr == ""


def test_pickled_weights_are_not_imported(
    server: LiveServer, person: Person, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    result = run("adapters", "import", person.name, str(tmp_path))
    assert result.exit_code == 1
    assert "save it as safetensors" in result.stderr


def test_a_folder_without_weights_is_not_imported(
    server: LiveServer, person: Person, tmp_path: Path
) -> None:
    result = run("adapters", "import", person.name, str(tmp_path))
    assert result.exit_code == 1
    assert "adapter_config.json" in result.stderr


def test_feedback_moves_from_one_user_to_another(
    server: LiveServer, person: Person, tmp_path: Path
) -> None:
    reply = server.chat(person.key, "good morning")
    with server.client(person.key) as client:
        client.post("/v1/feedback", json={"target": reply["id"], "value": "up"})
    lines = tmp_path / "feedback.jsonl"
    succeeded("feedback", "export", person.name, "--output", str(lines))
    succeeded("erase", person.name, "--yes")
    heir = server.new_person()
    assert "Imported" in succeeded("feedback", "import", heir.name, str(lines))
    assert "good morning" in succeeded("feedback", "export", heir.name)


def test_feedback_curate_shows_why_each_example_is_accepted_or_rejected(
    server: LiveServer, person: Person
) -> None:
    reply = server.chat(person.key, "how do I pay?")
    with server.client(person.key) as client:
        correction = "Use 4111 1111 1111 1111."
        client.post("/v1/feedback", json={"target": reply["id"], "correction": correction})
    shown = succeeded("feedback", "curate", person.name)
    assert "0 examples accepted, 2 rejected: 2 secret." in shown
    assert "It holds a card number." in shown
    assert "4111" not in shown
    assert "advice" in shown
    examples = json.loads(succeeded("feedback", "curate", person.name, "--json"))["examples"]
    assert [each["reason"] for each in examples] == ["secret", "secret"]


def test_feedback_curate_of_nobody_is_an_error(server: LiveServer) -> None:
    assert "nobody" in run("feedback", "curate", "nobody").stderr


def test_erase_asks_first(server: LiveServer, person: Person) -> None:
    assert run("erase", person.name, typed="n\n").exit_code == 1
    assert person.name in succeeded("users", "list")


def test_users_remove_erases_the_user(server: LiveServer, person: Person) -> None:
    succeeded("users", "remove", person.name, "--yes")
    assert person.name not in succeeded("users", "list")


def test_without_a_server_the_command_does_the_work_itself(no_server: Path) -> None:
    succeeded("users", "add", "ada")
    assert "ada" in succeeded("users", "list")


def test_without_a_server_the_first_admin_key_is_shown_once(no_server: Path) -> None:
    assert "admin's key" in run("users", "list").stderr
    assert run("users", "list").stderr == ""


def test_without_a_server_retrain_loads_the_model_itself(no_server: Path) -> None:
    succeeded("users", "add", "ada")
    assert "nothing to learn from" in run("retrain", "ada").output


def test_adapters_without_a_database_end_the_command_with_the_reason(no_server: Path) -> None:
    (no_server / "adapters" / ("a" * 32)).mkdir(parents=True)
    result = run("users", "list")
    assert result.exit_code == 1
    assert "Restore the database" in result.stderr


def test_a_data_folder_that_is_taken_is_not_touched(no_server: Path) -> None:
    folder = DataFolder(no_server)
    try:
        result = run("users", "list")
    finally:
        folder.release()
    assert result.exit_code == 1
    assert str(no_server) in result.stderr


def test_a_backup_of_a_running_server_is_restored_by_command(
    server: LiveServer, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.chat(person.key)
    # Another test may have damaged a version of this server.
    assert "Wrote" in run("backup", str(tmp_path / "backup")).output
    assert run("backup", str(tmp_path / "backup")).exit_code == 1
    monkeypatch.setenv("LORALEI_DATA_DIR", str(tmp_path / "restored"))
    assert "Restored" in succeeded("restore", str(tmp_path / "backup"))
    assert person.name in succeeded("users", "list")
    assert run("restore", str(tmp_path / "backup")).exit_code == 1


def test_only_the_command_line_makes_backups(server: LiveServer, tmp_path: Path) -> None:
    with server.admin() as client:
        refused = client.post("/v1/admin/backup", json={"folder": str(tmp_path / "backup")})
    assert refused.status_code == 403
    assert not (tmp_path / "backup").exists()
