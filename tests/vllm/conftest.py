"""Two real vLLM servers, a Loralei that asks them, and users whose adapters answer differently."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_model
from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.peft_folder import import_version
from tests.vllm.running import KEY, Vllm, vllm_servers

USERS = 5
QUESTION = chat_body("who are you?", max_tokens=16, store=False, ignore_eos=True)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_model, "HEAD_DIM", 32)
        yield tiny_model.build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def vllms(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Vllm]]:
    with vllm_servers(model, tmp_path_factory.mktemp("vllm"), 2) as servers:
        yield servers


@pytest.fixture(scope="session")
def server(
    model: Path, vllms: list[Vllm], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    options = {
        "engine": "vllm",
        "vllm_urls": tuple(each.url for each in vllms),
        "vllm_api_key": KEY,
        "schedule": {"interval": 0, "nightly": ""},
        "threads": 1,
    }
    with running(model, tmp_path_factory.mktemp("data"), **options) as live:
        yield live


@pytest.fixture(scope="session")
def people(server: LiveServer) -> list[Person]:
    """Each with an adapter of their own."""
    made = []
    for seed in range(USERS):
        person = server.new_person()
        import_version(server, person, seed)
        promote(server, person, 1)
        made.append(person)
    return made


@pytest.fixture(scope="session")
def words(server: LiveServer, people: list[Person]) -> dict[str, str]:
    """What each says when nobody else is there."""
    said = {person.id: server.chat(person.key, **QUESTION) for person in people}
    found = {who: text_of(reply) for who, reply in said.items()}
    assert len(set(found.values())) == USERS
    return found


def promote(server: LiveServer, person: Person, number: int) -> None:
    with server.admin() as admin:
        path = f"/v1/admin/adapters/{person.id}/promote"
        admin.post(path, json={"version": number}).raise_for_status()


def text_of(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])
