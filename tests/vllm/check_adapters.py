"""Many users' adapters on real vLLM servers: nobody hears another's, also while a server dies.

`make test-vllm` runs it. The model is tiny and random, so every adapter has its own reply.
"""

import asyncio

import httpx
import pytest

from tests.server.live import LiveServer, Person
from tests.vllm.conftest import QUESTION, text_of
from tests.vllm.running import Vllm
from tests.waiting import wait_until

REQUESTS = 160
AT_ONCE = 8

pytestmark = pytest.mark.timeout(1800)


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
    """(person, reply, whether it was asked again) of `REQUESTS` requests, `AT_ONCE`."""
    places = asyncio.Semaphore(AT_ONCE)
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
    assert not any(is_retried for _, _, is_retried in heard)
    vllms[0].begin()
    vllms[0].wait()
    engine = server.services.runtime.engine
    wait_until(lambda: engine.max_batch_size == 32, seconds=600)
    # The new server has none of the adapters.
    heard = asyncio.run(ask_all(server, people))
    assert [text for _, text, _ in heard] == [words[who] for who, _, _ in heard]
