"""One user's long requests keep nobody else waiting."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from server.engine.errors import UserQueueFullError
from server.user_threads import UserThreads
from tests.server.live import LiveServer, Person


class Blocked:
    """A function that ends when the test says so; it counts who runs at the same time."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.running = self.most = 0

    def __call__(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        self.end.wait(30)
        self.running -= 1


async def begun(blocked: Blocked, number: int = 1) -> None:
    async with asyncio.timeout(30):
        while blocked.running < number:
            await asyncio.sleep(0.001)


def test_a_users_functions_run_one_after_the_other() -> None:
    async def most_at_once() -> int:
        threads, blocked = UserThreads(threads=4, per_user=1), Blocked()
        tasks = [asyncio.create_task(threads.run("ann", blocked)) for _ in range(5)]
        await begun(blocked)
        blocked.end.set()
        await asyncio.gather(*tasks)
        return blocked.most

    assert asyncio.run(most_at_once()) == 1


def test_another_user_does_not_wait() -> None:
    async def answer() -> str:
        threads, blocked = UserThreads(threads=2, per_user=1), Blocked()
        tasks = [asyncio.create_task(threads.run("ann", blocked)) for _ in range(5)]
        await begun(blocked)
        result = await threads.run("bob", lambda: "answer")
        assert blocked.running == 1
        blocked.end.set()
        await asyncio.gather(*tasks)
        return result

    assert asyncio.run(answer()) == "answer"


def test_only_so_many_of_a_user_may_wait() -> None:
    async def ask() -> None:
        threads, blocked = UserThreads(threads=2, per_user=1, most_waiting=2), Blocked()
        tasks = [asyncio.create_task(threads.run("ann", blocked)) for _ in range(3)]
        await begun(blocked)
        try:
            with pytest.raises(UserQueueFullError):
                await threads.run("ann", lambda: None)
            await threads.run("bob", lambda: None)
        finally:
            blocked.end.set()
            await asyncio.gather(*tasks)

    asyncio.run(ask())


@contextmanager
def hanging(patch: pytest.MonkeyPatch, name: str) -> Iterator[Blocked]:
    """Let a function of the server hang, and end it at the end."""
    blocked = Blocked()

    def hang(*_: object) -> dict[str, object]:
        blocked()
        return {}

    patch.setattr(name, hang)
    try:
        yield blocked
    finally:
        blocked.end.set()


def test_others_are_answered_while_one_reads_everything(
    live: LiveServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = live.new_person()
    readers: list[threading.Thread] = []

    def read() -> None:
        with live.client(person.key) as client:
            client.get("/v1/me/curation")

    with hanging(monkeypatch, "server.routes.me.curation_json") as blocked:
        for _ in range(50):  # more than the server has threads
            readers.append(threading.Thread(target=read))
            readers[-1].start()
        asyncio.run(begun(blocked))
        assert live.chat(other.key)["choices"]
        with live.client(other.key) as client:
            assert client.get("/v1/me").status_code == 200
        assert blocked.most == 1
    for reader in readers:
        reader.join(30)
