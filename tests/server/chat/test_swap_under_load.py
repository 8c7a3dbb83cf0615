"""Promotions while many people chat: no error, and no reply that mixes two versions."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.peft_folder import import_version

REQUESTS = 200
PROMOTIONS = 20
QUESTION = chat_body("what changed?", max_tokens=16, store=False)


@pytest.fixture
def exact(tiny_model: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A server in float32, in which company changes no reply."""
    options = {"schedule": {"interval": 0, "nightly": ""}, "threads": 1, "dtype": "float32"}
    with running(tiny_model, tmp_path / "data", max_batch_size=4, **options) as server:
        yield server


async def answer(client: httpx.AsyncClient, person: Person) -> tuple[str, str]:
    """The version that answered, and what it said."""
    headers = {"Authorization": f"Bearer {person.key}"}
    response = await client.post("/v1/chat/completions", json=QUESTION, headers=headers)
    response.raise_for_status()
    text = response.json()["choices"][0]["message"]["content"]
    return response.headers["x-loralei-adapter"], text


async def promote(client: httpx.AsyncClient, live: LiveServer, person: Person, number: int) -> None:
    response = await client.post(
        f"/v1/admin/adapters/{person.id}/promote",
        json={"version": number},
        headers={"Authorization": f"Bearer {live.admin_key}"},
    )
    response.raise_for_status()


async def talk_through_promotions(
    live: LiveServer, learner: Person, other: Person
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """All answers that the two got while the learner's version changed again and again."""
    heard: dict[str, list[tuple[str, str]]] = {learner.id: [], other.id: []}

    async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:

        async def chat(person: Person) -> None:
            for _ in range(REQUESTS // 4):
                heard[person.id].append(await answer(client, person))

        async def swap() -> None:
            for turn in range(PROMOTIONS):
                while sum(map(len, heard.values())) < turn * REQUESTS // PROMOTIONS:
                    await asyncio.sleep(0.005)
                await promote(client, live, learner, 1 + turn % 2)

        await asyncio.gather(swap(), *(chat(person) for person in (learner, other) * 2))
    return heard[learner.id], heard[other.id]


async def alone(live: LiveServer, learner: Person, other: Person) -> dict[str, str]:
    """What each version says when nobody else is there."""
    async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:
        said = [await answer(client, other)]
        for number in (1, 2):
            await promote(client, live, learner, number)
            said.append(await answer(client, learner))
    return dict(said)


def test_200_requests_during_20_promotions_all_hear_one_version_each(exact: LiveServer) -> None:
    learner, other = exact.new_person(), exact.new_person()
    for seed in (1, 2):
        import_version(exact, learner, seed)
    says = asyncio.run(alone(exact, learner, other))
    assert len(set(says.values())) == 3

    swapped, unswapped = asyncio.run(talk_through_promotions(exact, learner, other))
    assert len(swapped) + len(unswapped) == REQUESTS
    assert {version for version, _ in swapped} == {"v1", "v2"}
    assert {version for version, _ in unswapped} == {"base"}
    for version, text in swapped + unswapped:
        assert text == says[version]
