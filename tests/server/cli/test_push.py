"""`loralei adapters push` with the real `huggingface_hub`, against a stand-in of the Hub."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from typer.testing import CliRunner, Result

from server.cli.app import app
from server.cli.peft.hub_card import hub_card
from tests.server.cli.hub import TOKEN, Hub, Repository, running_hub
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version, random_weights
from tests.server.test_withdrawn import learner_on

# huggingface_hub uploads with `data`, which its HTTP client wants to be called `content`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

ENVIRONMENT = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A Hub, and a token for it."""
    constants = huggingface_hub.constants
    with running_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def server(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    monkeypatch.setenv("LORALEI_DATA_DIR", str(live.services.settings.data_dir))
    return live


@pytest.fixture
def learner(server: LiveServer, person: Person) -> Person:
    """A person with the version v1, which is not in use."""
    import_version(server, person)
    return person


def push(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["adapters", "push", *arguments], input=typed)


def test_a_version_is_pushed_to_a_private_repository(
    server: LiveServer, learner: Person, hub: Hub
) -> None:
    result = push(learner.name, "anna/mine", "--version", "v1")
    assert result.exit_code == 0, result.output
    assert f"Pushed v1 of {learner.name} to {hub.url}/anna/mine." in result.stdout
    pushed = hub.repositories["anna/mine"]
    assert (pushed.is_private, pushed.message) == (True, "Loralei v1")
    assert set(pushed.files) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert pushed.files["adapter_model.safetensors"] == random_weights(server, 0)
    assert json.loads(pushed.files["adapter_config.json"])["peft_type"] == "LORA"
    assert b"## Privacy" in pushed.files["README.md"]


def test_the_users_name_is_not_in_what_is_pushed(learner: Person, hub: Hub) -> None:
    push(learner.name, "anna/mine", "--version", "v1")
    everything = b"".join(hub.repositories["anna/mine"].files.values())
    assert learner.name.encode() not in everything
    assert learner.id.encode() not in everything


def test_a_process_of_its_own_finds_the_hub_and_the_token_in_its_environment(
    server: LiveServer, learner: Person, hub: Hub
) -> None:
    command = [sys.executable, "-P", "-m", "server.cli", "adapters", "push", learner.name, "mine"]
    environment = os.environ | ENVIRONMENT | {"HF_ENDPOINT": hub.url}
    subprocess.run([*command, "--version", "v1"], env=environment, check=True, capture_output=True)
    assert hub.repositories["anna/mine"].files


def test_the_version_in_use_is_pushed_if_none_is_named(
    server: LiveServer, learner: Person, hub: Hub
) -> None:
    assert "base is not a version" in push(learner.name, "anna/mine").stderr
    with server.admin() as admin:
        admin.post(f"/v1/admin/adapters/{learner.id}/promote", json={"version": 1})
    assert push(learner.name, "anna/mine").exit_code == 0


def test_a_public_repository_is_made_only_after_a_question_that_says_what_weights_reveal(
    learner: Person, hub: Hub
) -> None:
    arguments = (learner.name, "anna/mine", "--version", "v1", "--public")
    refused = push(*arguments, typed="n\n")
    assert refused.exit_code == 1
    assert "word for word" in refused.output
    assert hub.repositories == {}
    assert push(*arguments, typed="y\n").exit_code == 0
    assert not hub.repositories["anna/mine"].is_private


def test_a_repository_that_is_public_already_is_refused_without_public(
    learner: Person, hub: Hub
) -> None:
    hub.repositories["anna/mine"] = Repository(is_private=False)
    result = push(learner.name, "anna/mine", "--version", "v1")
    assert result.exit_code == 1
    assert "anna/mine is public" in result.stderr
    assert hub.repositories["anna/mine"].files == {}


def test_a_second_version_replaces_the_first(server: LiveServer, learner: Person, hub: Hub) -> None:
    import_version(server, learner, seed=2)
    for version in ("v1", "v2"):
        assert push(learner.name, "anna/mine", "--version", version).exit_code == 0
    files = hub.repositories["anna/mine"].files
    assert files["adapter_model.safetensors"] == random_weights(server, 2)


def test_a_withdrawn_version_is_not_pushed(server: LiveServer, person: Person, hub: Hub) -> None:
    learner_on(server, person).delete()
    result = push(person.name, "anna/mine", "--version", "v2")
    assert result.exit_code == 1
    assert "v2 learned from feedback that was deleted" in result.stderr
    assert hub.repositories == {}


def test_without_a_token_the_error_says_how_to_get_one(
    learner: Person, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    result = push(learner.name, "anna/mine", "--version", "v1")
    assert result.exit_code == 1
    assert "HF_TOKEN" in result.stderr


def test_a_wrong_token_ends_the_command_with_the_reason(
    learner: Person, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    result = push(learner.name, "anna/mine", "--version", "v1")
    assert result.exit_code == 1
    assert "401" in result.stderr


@pytest.mark.parametrize("repo", ["somebody/else", "a/b/c", "no spaces"])
def test_a_repository_that_cannot_be_written_is_an_error(
    learner: Person, hub: Hub, repo: str
) -> None:
    result = push(learner.name, repo, "--version", "v1")
    assert result.exit_code == 1
    assert "Hugging Face did not take it" in result.stderr


def test_without_a_network_the_error_says_so(
    learner: Person, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    result = push(learner.name, "anna/mine", "--version", "v1")
    assert result.exit_code == 1
    assert "Hugging Face did not take it" in result.stderr


@pytest.mark.parametrize(
    ("base", "in_front_matter", "licence"),
    [
        ("smollm2-135m", "base_model: HuggingFaceTB/SmolLM2-135M-Instruct", "is Apache-2.0"),
        ("Qwen/Qwen3-0.6B", "base_model: Qwen/Qwen3-0.6B", "is not known here"),
        ("my-folder", None, "is not known here"),
    ],
)
def test_a_card_names_the_base_model_and_its_licence_if_they_are_known(
    base: str, in_front_matter: str | None, licence: str
) -> None:
    card = hub_card(
        f"---\nbase_model: {base}\n---\n\n# An adapter\n", {"base_model_name_or_path": base}
    )
    front_matter, body = card.removeprefix("---\n").split("---\n", 1)
    named = [line for line in front_matter.splitlines() if line.startswith("base_model")]
    assert named == ([in_front_matter] if in_front_matter else [])
    assert "# An adapter" in body
    assert "learned from one person" in body
    assert licence in body
