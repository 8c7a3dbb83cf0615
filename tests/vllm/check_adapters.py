"""Many users' adapters on real vLLM servers: nobody hears another's, also while a server dies.

`make test-vllm` runs it. The model is tiny and random, so every adapter has its own reply.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import tiny_model
from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.peft_folder import import_version
from tests.vllm.running import KEY, Vllm, vllm_servers
from tests.waiting import wait_until

USERS = 5
REQUESTS = 50
MOST_RETRIED = 0.05
QUESTION = chat_body("who are you?", max_tokens=16, store=False, ignore_eos=True)

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_model, "HEAD_DIM", 32)
        yield tiny_model.build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def vllms(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Vllm]]:
    with vllm_servers(model, tmp_path_factory.mktemp("vllm"), 2) as servers:
        yield servers


@pytest.fixture(scope="module")
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.server.live.START_SECONDS", 600)
        with running(model, tmp_path_factory.mktemp("data"), **options) as live:
            yield live


@pytest.fixture(scope="module")
def people(server: LiveServer) -> list[Person]:
    """Each with an adapter of their own."""
    made = []
    for seed in range(USERS):
        person = server.new_person()
        import_version(server, person, seed)
        promote(server, person, 1)
        made.append(person)
    return made


@pytest.fixture(scope="module")
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
    text: str = reply["choices"][0]["message"]["content"]
    return text


async def ask(client: httpx.AsyncClient, person: Person) -> tuple[str, bool]:
    """The reply, and whether the client had to ask again, as OpenAI's clients do by themselves."""
    headers = {"Authorization": f"Bearer {person.key}"}
    for attempt in range(3):
        answer = await client.post("/v1/chat/completions", json=QUESTION, headers=headers)
        if answer.is_success:
            return text_of(answer.json()), attempt > 0
        assert answer.status_code >= 500
        await asyncio.sleep(0.5)
    raise AssertionError(f"lost: {answer.text}")


async def ask_all(
    server: LiveServer, people: list[Person], during: object = None
) -> list[tuple[str, str, bool]]:
    """(person, reply, whether it was asked again) of `REQUESTS` requests, eight at a time."""
    places = asyncio.Semaphore(8)
    async with httpx.AsyncClient(base_url=server.url, timeout=600) as client:

        async def one(number: int) -> tuple[str, str, bool]:
            async with places:
                if number == REQUESTS // 2 and isinstance(during, Vllm):
                    during.kill()
                person = people[number % len(people)]
                return person.id, *await ask(client, person)

        return await asyncio.gather(*map(one, range(REQUESTS)))


def test_nobody_hears_anothers_word(
    server: LiveServer, people: list[Person], words: dict[str, str]
) -> None:
    heard = asyncio.run(ask_all(server, people))
    assert [text for _, text, _ in heard] == [words[who] for who, _, _ in heard]


def test_no_reply_is_lost_or_wrong_while_a_server_dies_and_comes_back(
    server: LiveServer, people: list[Person], words: dict[str, str], vllms: list[Vllm]
) -> None:
    heard = asyncio.run(ask_all(server, people, during=vllms[0]))
    assert [text for _, text, _ in heard] == [words[who] for who, _, _ in heard]
    assert sum(retried for _, _, retried in heard) <= MOST_RETRIED * REQUESTS
    vllms[0].begin()
    vllms[0].wait()
    engine = server.services.runtime.engine
    wait_until(lambda: engine.max_batch_size == 32, seconds=600)
    # The new server has none of the adapters.
    heard = asyncio.run(ask_all(server, people))
    assert [text for _, text, _ in heard] == [words[who] for who, _, _ in heard]
