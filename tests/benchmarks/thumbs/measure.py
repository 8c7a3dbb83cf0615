"""Lets users rate sampled replies over HTTP, and asks other prompts."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

from server.client import Client
from tests.benchmarks.finished import Finished
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt, read_prompts
from tests.benchmarks.learning.results import Arm, Run
from tests.benchmarks.learning.simulated_user import (
    AT_ONCE,
    Answer,
    ask_one,
    new_account,
    served_model,
    train,
)
from tests.benchmarks.thumbs.users import ThumbsUser

TEMPERATURE = 0.8
TOKENS = 160
NUM_UNSEEN, SAMPLES = 16, 4


@dataclass(frozen=True, slots=True)
class Key:
    """What identifies a measurement. The base's replies are the same for all users."""

    user: str
    thumbs: int
    arm: Arm


@dataclass(frozen=True, slots=True)
class Measured:
    """The replies to unseen prompts, and the training before them."""

    key: Key
    replies: tuple[str, ...]
    run: Run | None
    measured_at: str


class Results(Finished[Key, Measured]):
    """Every measurement of one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Measured, lambda each: each.key)


BASE = Key("", 0, Arm.BASE)


class Measuring:
    """Measures users at points, on a server without other users. Finished ones are skipped."""

    def __init__(
        self,
        url: str,
        admin_key: str,
        data: Path,
        results: Results,
        bar: Progress,
        points: Sequence[int],
    ) -> None:
        self._url = url
        self._admin = Client(url, admin_key)
        self._model = served_model(self._admin)
        self._rated = read_prompts(data / TAUGHT, 0)
        self._unseen = read_prompts(data / UNSEEN, 0)[:NUM_UNSEEN] * SAMPLES
        self._results = results
        self._bar = bar
        self._points = points

    def run(self, users: Sequence[ThumbsUser]) -> None:
        """Do all of it."""
        task = self._bar.add_task("", total=len(users) * len(self._points))
        with closing(self._admin):
            self._measure_arm(self._admin, BASE, None)
            for user in users:
                for point in self._points:
                    self._bar.update(task, description=f"{user.name}, {point} thumbs")
                    self._measure(user, point)
                    self._bar.advance(task)

    def _measure(self, user: ThumbsUser, point: int) -> None:
        memory, *trained = (Key(user.name, point, a) for a in (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH))
        if all(key in self._results for key in (memory, *trained)):
            return
        name = f"{user.name}-{point}"
        with closing(new_account(self._admin, self._url, name)) as api:
            for answer in self._ask(api, self._rated[:point], Arm.BASE, is_stored=True):
                value = "up" if user.likes(answer.reply.text) else "down"
                api.post("/v1/feedback", {"target": answer.id, "value": value})
            self._measure_arm(api, memory, None)
            run = train(self._admin, name, point)
            for key in trained:
                self._measure_arm(api, key, run)

    def _measure_arm(self, api: Client, key: Key, run: Run | None) -> None:
        if key not in self._results:
            said = self._ask(api, self._unseen, key.arm, is_stored=False)
            replies = tuple(each.reply.text for each in said)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._results.append([Measured(key, replies, run, now)])

    def _ask(
        self, api: Client, prompts: Sequence[Prompt], arm: Arm, *, is_stored: bool
    ) -> Iterator[Answer]:
        def one(prompt: Prompt, seed: int) -> Answer:
            return ask_one(
                api,
                self._model,
                prompt,
                arm,
                max_tokens=TOKENS,
                is_stored=is_stored,
                temperature=TEMPERATURE,
                seed=seed,
            )

        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(one, prompts, range(len(prompts)))
