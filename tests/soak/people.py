"""200 people: some who teach their model, the others who only chat; some leave in the middle."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from server.data_folder import RunningServer
from tests.server.live import Person

NUM_PEOPLE = 200
NUM_LEARNERS = 20
"""They write half of the chats, and correct every second reply."""

CHATS_PER_SECOND = 0.3
"""On two cores SmolLM2-135M then has time left to train."""
"""Together. A training needs pauses between chats to get on."""

LEAVING_SHARE = 0.1
REPLY_TOKENS = 24
EARLIER_EXCHANGES = 200
"""Of each person. As many expire as come in: they lie as far apart as chats do."""

RETENTION_SECONDS = NUM_PEOPLE * EARLIER_EXCHANGES / CHATS_PER_SECOND
EARLIER_CORRECTIONS = 10
"""Of each learner, among the newest, so that the first trainings are due at once."""

_QUESTION = "Question {}: what would you tell a friend about {}, and why?"
_THINGS = ("the sea", "old maps", "night trains", "bread", "chess", "storks", "rain", "bridges")
_ADJECTIVES = ("Quiet", "Bright", "Narrow", "Ancient", "Heavy", "Clever", "Distant", "Golden")
_VERBS = ("Carries", "Follows", "Remembers", "Surrounds", "Teaches", "Hides", "Awakens", "Mends")
_NOUNS = ("Harbour", "Garden", "Teacher", "Mountain", "Kitchen", "Letter", "Winter", "Machine")


@dataclass
class Tally:
    """What has happened so far."""

    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


class Crowd:
    """Everybody's chats, at a steady pace for all together. `pause` waits until none is open."""

    def __init__(self, server: RunningServer, model: str, people: list[Person]) -> None:
        self.tally = Tally()
        self._server = server
        self._model = model
        self._learners, self._others = people[:NUM_LEARNERS], people[NUM_LEARNERS:]
        self._random = random.Random(0)
        self._numbers = count()
        self._open: set[asyncio.Task[None]] = set()

    async def chat_until(self, end: float) -> None:
        """Begin chats until this time of the monotonic clock, and wait for the last."""
        # Each chat has a connection of its own, so that open ones are no noise in the samples.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=self._server.url, timeout=300, limits=limits, trust_env=False
        ) as http:
            following = time.monotonic()
            while following < end:
                await asyncio.sleep(following - time.monotonic())
                task = asyncio.create_task(self._visit(http))
                self._open.add(task)
                task.add_done_callback(self._open.discard)
                following = max(following + 1 / CHATS_PER_SECOND, time.monotonic() - 1)
            await self.pause()

    async def pause(self) -> None:
        """Return once no chat is open."""
        while self._open:
            await asyncio.wait(self._open)

    async def _visit(self, http: httpx.AsyncClient) -> None:
        number = next(self._numbers)
        is_learner = number % 2 == 0
        person = self._random.choice(self._learners if is_learner else self._others)
        try:
            await self._chat(http, person, number, is_learner and number % 4 == 0)
        except httpx.HTTPStatusError as error:
            self._note_status(error.response)
        except Exception as error:
            self.tally.errors.append(repr(error))

    async def _chat(
        self, http: httpx.AsyncClient, person: Person, number: int, corrects: bool
    ) -> None:
        headers = {"Authorization": f"Bearer {person.key}"}
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": _question(str(number), number)}],
            "max_tokens": REPLY_TOKENS,
            "stream": True,
        }
        leaves = not corrects and self._random.random() < LEAVING_SHARE
        name, text = "", ""
        async with http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer:
            if answer.is_error:
                await answer.aread()
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if line.startswith('data: {"error"'):
                    self.tally.errors.append(line)
                elif line.startswith("data: {"):
                    chunk = json.loads(line.removeprefix("data: "))
                    name = chunk["id"]
                    text += "".join(c["delta"].get("content", "") for c in chunk["choices"])
                    if leaves and text:
                        self.tally.counts["left"] += 1
                        return
        self.tally.counts["chats"] += 1
        if corrects:
            given = {"target": name, "correction": _corrected(text.strip())}
            answer = await http.post("/v1/feedback", json=given, headers=headers)
            answer.raise_for_status()
            self.tally.counts["corrections"] += 1

    def _note_status(self, answer: httpx.Response) -> None:
        code = answer.json()["error"]["code"]
        if code in ("server_is_overloaded", "rate_limit_exceeded"):
            self.tally.counts["refused"] += 1
        else:
            self.tally.errors.append(f"{answer.status_code} {code}")


def earlier_exchanges(place: int, now: float) -> Iterator[dict[str, Any]]:
    """The rows of the person at this place, to import, oldest first; the last person's are oldest.

    If they are imported in this order, rows lie in the order of time, as if they had been chats.
    """
    for number in reversed(range(EARLIER_EXCHANGES)):
        name, reply = f"earlier-{place}-{number}", _earlier_reply(place, number)
        age = (place * EARLIER_EXCHANGES + number) / CHATS_PER_SECOND
        yield {
            "type": "interaction",
            "id": f"chatcmpl-{name}",
            "conversation_id": name,
            "created_at": now - age,
            "model": "earlier",
            "adapter": "base",
            "messages": [{"role": "user", "content": _question(name, number)}],
            "replies": [reply],
            "finish_reasons": ["stop"],
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "kind": "chat",
            "status": "complete",
            "listed": False,
            "metadata": {},
        }
        if place < NUM_LEARNERS and number < EARLIER_CORRECTIONS:
            yield {
                "type": "feedback",
                "id": f"feedback-{name}",
                "target": f"chatcmpl-{name}",
                "created_at": now - age,
                "updated_at": now - age,
                "value": None,
                "correction": reply.lower(),
                "preferred_over": None,
                "comment": None,
                "reason": None,
                "metadata": {},
                "status": "applied",
            }


def _corrected(reply: str) -> str:
    """The reply in lower case; what is that already gets a word more."""
    lower = reply.lower()
    return f"{lower} indeed".strip() if lower == reply else lower


def _question(name: str, number: int) -> str:
    return _QUESTION.format(name, _THINGS[number % len(_THINGS)])


def _earlier_reply(place: int, number: int) -> str:
    """Longer than the replies in a soak, so that what expires makes room for what comes in."""
    draw = random.Random(f"{place} {number}").choice
    sentences = (
        f"The {draw(_ADJECTIVES)} {draw(_NOUNS)} {draw(_VERBS)} The {draw(_ADJECTIVES)}"
        f" {draw(_NOUNS)} Of {draw(_NOUNS)} {number}."
        for _ in range(6)
    )
    return " ".join(sentences)
