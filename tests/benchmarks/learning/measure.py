"""Does what of a plan is not finished, on a running server."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

from server.demo_server import Api
from tests.benchmarks.learning.figures import compliance
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import NOTHING, THUMBS_BASE, Plan, missing
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt, read_prompts
from tests.benchmarks.learning.results import Arm, Key, Measurement, Point, Results, Run
from tests.benchmarks.learning.simulated_user import SimulatedUser, ask


def measure(
    plan: Plan, url: str, admin_key: str, data: Path, results: Results, progress: Progress
) -> None:
    """Measure every persona at every point. What is finished is left out.

    A persona whose earlier points are finished starts at the next one with all its judgements, so
    that its first training there meets no version in use.
    """
    admin = Api(url, admin_key)
    observer = Api(url, admin.post("/v1/admin/users", {"name": "observer"})["key"])
    steps = plan.seeds * len(plan.personas) * (1 + len(plan.points))
    task = progress.add_task("", total=steps)

    def finish(
        api: Api, persona: Persona, todo: Sequence[Key], unseen: Sequence[Prompt], run: Run | None
    ) -> None:
        asked = [(key, each) for key in todo for each in _prompts(key, persona, unseen)]
        answers = ask(
            api, [(prompt, key.arm) for key, prompt in asked], max_tokens=plan.test_tokens
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        pairs = list(zip(asked, answers, strict=True))
        results.append(
            [
                Measurement(
                    key, tuple(answer.reply for (of, _), answer in pairs if of == key), run, now
                )
                for key in todo
            ]
        )

    for seed in range(plan.seeds):
        taught = read_prompts(data / TAUGHT, seed)
        unseen = read_prompts(data / UNSEEN, seed)[: plan.test_prompts]
        for persona in plan.personas:
            learners: dict[bool, SimulatedUser] = {}  # who thumbs is not who corrects
            for point in (NOTHING, *plan.points):
                title = f"{persona.name}, seed {seed}, {point}"
                todo = missing(persona, seed, point, results)
                if todo and point == NOTHING:
                    progress.update(task, description=f"{title}: asking")
                    finish(observer, persona, todo, unseen, None)
                elif todo and _is_useful(results, persona, seed, point):
                    by_thumbs = point.thumbs > 0
                    if by_thumbs not in learners:
                        name = f"{persona.name}-{seed}{'-thumbs' if by_thumbs else ''}"
                        learners[by_thumbs] = SimulatedUser(admin, url, name, persona, taught)
                    learner = learners[by_thumbs]
                    progress.update(task, description=f"{title}: judging")
                    learner.judge(point, plan)
                    progress.update(task, description=f"{title}: training")
                    run = learner.train()
                    progress.update(task, description=f"{title}: asking")
                    finish(learner.api, persona, todo, unseen, run)
                progress.advance(task)


def _prompts(key: Key, persona: Persona, unseen: Sequence[Prompt]) -> Sequence[Prompt]:
    if not key.is_exempt:
        return unseen
    return [Prompt(f"exempt-{number}", text) for number, text in enumerate(persona.exempt)]


def _is_useful(results: Results, persona: Persona, seed: int, point: Point) -> bool:
    """Thumbs can teach only what the base does now and then."""
    low, high = THUMBS_BASE
    base = compliance(results, persona, [seed], NOTHING, Arm.BASE)
    return not point.thumbs or low <= base.share <= high
