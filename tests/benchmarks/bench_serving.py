"""The server over HTTP: the cost of HTTP, and of promotions and training during chats.

    python -m tests.benchmarks.bench_serving

Runs the server in this process, on the real model, to compare it with its engine. Keep the machine
quiet meanwhile.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
from rich.console import Console

from feedback.records import Message
from server.engine.records import SamplingParams
from server.settings import Settings
from tests.benchmarks.base import resolve_base
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import import_version

STREAMS = 16
NEW_TOKENS = 64
ROUNDS = 3
CHATTERS = 8
SWAP_REQUESTS = 200
SWAPS = 20
SWAP_TOKENS = 12
THINKING_SECONDS = 1.0
TRAINING_TURNS = 12
QUESTION = "Tell me about the sea, its colours and the people who live by it."


@dataclass
class Reply:
    """One streamed reply: the seconds at which its pieces arrived."""

    adapter: str = ""
    arrivals: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def gaps(self) -> list[float]:
        """Seconds between one piece of text and the next."""
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:], strict=False)]


def main() -> None:
    """Measure, print and write the table."""
    settings = Settings()
    model = resolve_base(settings, Console())
    with tempfile.TemporaryDirectory() as folder:
        schedule = {"interval": 0, "nightly": "0 3 * * *"}
        with running(
            model.path, Path(folder) / "data", schedule=schedule, user_queue_limit=SWAP_REQUESTS
        ) as live:
            rows = [*measure_http(live), *measure_swaps(live), *measure_training(live)]
    text = f"{model.name}, measured on {machine()}.\n\n" + markdown_table(
        ("figure", "measured", "wanted"), rows
    )
    show_section("serving", text, is_written="--no-write" not in sys.argv)


def measure_http(live: LiveServer) -> list[tuple[str, str, str]]:
    """Tokens per second through HTTP and straight from the same engine, in turns."""
    people = [live.new_person() for _ in range(STREAMS)]
    through, straight = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        asyncio.run(stream_all(live, people, NEW_TOKENS))
        through.append(STREAMS * NEW_TOKENS / (time.perf_counter() - began))
        began = time.perf_counter()
        asyncio.run(generate_all(live, NEW_TOKENS))
        straight.append(STREAMS * NEW_TOKENS / (time.perf_counter() - began))
    ratio = median(through) / median(straight)
    return [
        (f"tokens/s of {STREAMS} streams over HTTP", f"{median(through):.0f}", ""),
        ("tokens/s over HTTP ÷ straight from the engine", f"{ratio:.2f}", "at least 0.95"),
    ]


async def stream_all(live: LiveServer, people: Sequence[Person], tokens: int) -> list[Reply]:
    """One streamed reply for each person, all at once."""
    async with httpx.AsyncClient(base_url=live.url, timeout=300) as client:
        return await asyncio.gather(*(stream(live, client, person, tokens) for person in people))


async def stream(live: LiveServer, client: httpx.AsyncClient, person: Person, tokens: int) -> Reply:
    """One streamed reply of exactly `tokens` tokens."""
    body = {
        "model": live.services.runtime.engine.model_name,
        # Each prompt starts with the time, so that no prefix of it is cached.
        "messages": [{"role": "user", "content": f"{time.monotonic_ns()} {QUESTION}"}],
        "temperature": 0,
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
        "store": False,
    }
    headers = {"Authorization": f"Bearer {person.key}"}
    reply = Reply()
    async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as stream:
        reply.adapter = stream.headers.get("x-loralei-adapter", "")
        if stream.status_code != 200:
            reply.error = (await stream.aread()).decode()
            return reply
        async for line in stream.aiter_lines():
            if '"content"' in line:
                reply.arrivals.append(time.perf_counter())
            elif line.startswith('data: {"error"'):
                reply.error = line
    return reply


async def generate_all(live: LiveServer, tokens: int) -> None:
    """The same work without HTTP."""
    engine = live.services.runtime.engine
    params = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)

    async def generate(index: int) -> None:
        prompt = engine.render([Message("user", f"{time.monotonic_ns()} {QUESTION}")])
        async for _ in engine.submit(prompt, params, None, user=str(index)):
            pass

    await asyncio.gather(*(generate(i) for i in range(STREAMS)))


def measure_swaps(live: LiveServer) -> list[tuple[str, str, str]]:
    """Two people are promoted again and again while they and others chat."""
    people = [live.new_person() for _ in range(CHATTERS)]
    swapped, others = people[:2], people[2:]
    for person in swapped:
        for seed in (1, 2):
            import_version(live, person, seed)
        # A batch with adapters costs more. Both measurements have them; only promotions differ.
        with live.admin() as admin:
            admin.post(promotion(person), json={"version": 1}).raise_for_status()
    quiet = asyncio.run(chat_on(live, people, SWAP_REQUESTS // 2, []))
    busy = asyncio.run(chat_on(live, people, SWAP_REQUESTS, swapped))
    replies = [reply for each in busy.values() for reply in each]
    errors = sum(bool(reply.error) for reply in replies)
    seen = {reply.adapter for person in swapped for reply in busy[person.id]}
    during, before = ([r for person in others for r in each[person.id]] for each in (busy, quiet))
    ratio = percentile_95(during) / percentile_95(before)
    return [
        (f"errors in {len(replies)} requests during {SWAPS} promotions", str(errors), "0"),
        ("versions that the promoted users' replies named", ", ".join(sorted(seen)), ""),
        (
            "others' 95th percentile between tokens ÷ that without promotions",
            f"{ratio:.2f}",
            "at most 1.2",
        ),
    ]


def promotion(person: Person) -> str:
    """The path that promotes a person's version."""
    return f"/v1/admin/adapters/{person.id}/promote"


async def chat_on(
    live: LiveServer, people: Sequence[Person], requests: int, promoted: Sequence[Person]
) -> dict[str, list[Reply]]:
    """Everybody asks one question after the other, while those in `promoted` change versions."""
    replies: dict[str, list[Reply]] = {person.id: [] for person in people}
    async with (
        httpx.AsyncClient(base_url=live.url, timeout=300) as client,
        httpx.AsyncClient(base_url=live.url, timeout=300) as admin,
    ):

        async def ask(person: Person) -> None:
            for _ in range(requests // len(people)):
                replies[person.id].append(await stream(live, client, person, SWAP_TOKENS))

        async def promote() -> None:
            for i in range(SWAPS if promoted else 0):
                while sum(map(len, replies.values())) < requests * i // SWAPS:
                    await asyncio.sleep(0.05)
                person = promoted[i % len(promoted)]
                version = 2 - i // len(promoted) % 2
                response = await admin.post(
                    promotion(person),
                    json={"version": version},
                    headers={"Authorization": f"Bearer {live.admin_key}"},
                )
                response.raise_for_status()

        await asyncio.gather(promote(), *(ask(person) for person in people))
    return replies


def measure_training(live: LiveServer) -> list[tuple[str, str, str]]:
    """Somebody chats at a person's pace, alone and then while another's adapter is trained."""
    reader, learner = live.new_person(), live.new_person()
    model = live.services.runtime.engine.model_name
    for question in ("Why do cats purr?", "What is a lighthouse?", "Describe rain.", "Who am I?"):
        # With memory the replies would follow the first correction, with nothing left to correct.
        memory = {"memory": False}
        reply = live.chat(learner.key, question, model=model, max_tokens=60, loralei=memory)
        text = reply["choices"][0]["message"]["content"]
        with live.client(learner.key) as client:
            body = {"target": reply["id"], "correction": text.lower()}
            client.post("/v1/feedback", json=body).raise_for_status()
    idle = asyncio.run(chat_slowly(live, reader))
    with live.admin() as admin:
        run = admin.post(f"/v1/admin/adapters/{learner.id}/train").json()
        while admin.get(f"/v1/admin/runs/{run['id']}").json()["progress"]["step"] < 1:
            time.sleep(0.2)
        training = asyncio.run(chat_slowly(live, reader))
        status = admin.get(f"/v1/admin/runs/{run['id']}").json()["status"]
    ratio = percentile_95(training) / percentile_95(idle)
    return [
        (
            "95th percentile between tokens while an adapter is trained ÷ idle",
            f"{ratio:.2f} (the run was {status} at the end)",
            "at most 1.5",
        ),
        (
            "tokens/s of a reply while an adapter is trained ÷ idle",
            f"{tokens_per_second(training) / tokens_per_second(idle):.2f}",
            "at least 0.95",
        ),
    ]


async def chat_slowly(live: LiveServer, reader: Person) -> list[Reply]:
    """One reply after the other, with a pause for reading in between."""
    replies = []
    async with httpx.AsyncClient(base_url=live.url, timeout=300) as client:
        for _ in range(TRAINING_TURNS):
            replies.append(await stream(live, client, reader, NEW_TOKENS // 2))
            await asyncio.sleep(THINKING_SECONDS)
    return replies


def tokens_per_second(replies: Sequence[Reply]) -> float:
    """The median reply's speed after its first piece of text."""
    return median((NEW_TOKENS // 2 - 1) / sum(reply.gaps) for reply in replies)


def percentile_95(replies: Sequence[Reply]) -> float:
    """The 95th percentile of the seconds between two pieces of text."""
    return quantiles([gap for reply in replies for gap in reply.gaps], n=20)[-1]


if __name__ == "__main__":
    main()
