"""Measures the points of a plan that are not finished, on a running server."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

from server.client import Client
from tests.benchmarks.learning.figures import compliance
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import NOTHING, RATINGS_BASE, Plan, missing
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt, read_prompts
from tests.benchmarks.learning.results import Arm, Key, Measurement, Point, Results, Run
from tests.benchmarks.learning.simulated_user import SimulatedUser, ask, new_account, train


class Measuring:
    """Measures every persona at every point, on a server without other users.

    Finished points are skipped. A persona whose earlier points are finished starts at the next one
    with all its feedback, so that its first training there meets no version in use.
    """

    def __init__(
        self, plan: Plan, url: str, admin_key: str, data: Path, results: Results, bar: Progress
    ) -> None:
        self._plan = plan
        self._url = url
        self._admin = Client(url, admin_key)
        self._data = data
        self._results = results
        self._bar = bar
        self._task = bar.add_task(
            "", total=plan.seeds * len(plan.personas) * (1 + len(plan.points))
        )

    def run(self) -> None:
        """Do all of it."""
        with closing(self._admin):
            for seed in range(self._plan.seeds):
                taught = read_prompts(self._data / TAUGHT, seed)
                unseen = read_prompts(self._data / UNSEEN, seed)[: self._plan.test_prompts]
                for persona in self._plan.personas:
                    self._measure_base(persona, seed, unseen)
                    with ExitStack() as connections:
                        self._measure_learning(persona, seed, taught, unseen, connections)

    def _measure_base(self, persona: Persona, seed: int, unseen: Sequence[Prompt]) -> None:
        todo = missing(persona, seed, NOTHING, self._results)
        if todo:
            self._say(persona, seed, NOTHING, "asking")
            self._finish(self._admin, persona, todo, unseen, None)
        self._bar.advance(self._task)

    def _measure_learning(
        self,
        persona: Persona,
        seed: int,
        taught: Sequence[Prompt],
        unseen: Sequence[Prompt],
        connections: ExitStack,
    ) -> None:
        learners: dict[str, SimulatedUser] = {}
        for point in self._plan.points:
            todo = missing(persona, seed, point, self._results)
            if todo and self._is_useful(persona, seed, point):
                # Ratings and corrections come from different users.
                name = f"{persona.name}-{seed}{'-ratings' if point.ratings else ''}"
                if name not in learners:
                    api = new_account(self._admin, self._url, name)
                    connections.enter_context(closing(api))
                    learners[name] = SimulatedUser(api, persona, taught)
                self._say(persona, seed, point, "giving feedback")
                learners[name].give_feedback(point, self._plan.taught_tokens)
                self._say(persona, seed, point, "training")
                run = train(self._admin, name, learners[name].num_feedback)
                self._say(persona, seed, point, "asking")
                self._finish(learners[name].api, persona, todo, unseen, run)
            self._bar.advance(self._task)

    def _is_useful(self, persona: Persona, seed: int, point: Point) -> bool:
        """Ratings can teach only what the base does now and then."""
        low, high = RATINGS_BASE
        base = compliance(self._results, persona, [seed], NOTHING, Arm.BASE)
        return not point.ratings or low <= base.share <= high

    def _finish(
        self,
        api: Client,
        persona: Persona,
        todo: Sequence[Key],
        unseen: Sequence[Prompt],
        run: Run | None,
    ) -> None:
        """Ask the prompts of these measurements, all arms at once, and store the replies."""
        prompts = {key: _exempt(persona) if key.is_exempt else unseen for key in todo}
        questions = [(prompt, key.arm) for key in todo for prompt in prompts[key]]
        answers = iter(ask(api, questions, max_tokens=self._plan.test_tokens))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._results.append(
            [
                Measurement(key, tuple(next(answers).reply for _ in prompts[key]), run, now)
                for key in todo
            ]
        )

    def _say(self, persona: Persona, seed: int, point: Point, doing: str) -> None:
        self._bar.update(self._task, description=f"{persona.name}, seed {seed}, {point}: {doing}")


def _exempt(persona: Persona) -> list[Prompt]:
    return [Prompt(f"exempt-{number}", text) for number, text in enumerate(persona.exempt)]
