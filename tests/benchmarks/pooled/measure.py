"""Does what of the comparison is not finished, on a running server."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.progress import Progress

from server.demo_server import Api
from tests.benchmarks.learning.keeping import keep
from tests.benchmarks.learning.plan import QUICK, base_key
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, Prompt, read_prompts
from tests.benchmarks.learning.results import Key, Point, Results, Run
from tests.benchmarks.learning.simulated_user import SimulatedUser, new_account, train
from tests.benchmarks.pooled.plan import PooledPlan


class Pooling:
    """Measures the base, the account of all and everybody's own, on a server of nobody else's."""

    def __init__(
        self, plan: PooledPlan, url: str, admin_key: str, results: Results, bar: Progress
    ) -> None:
        self._plan = plan
        self._url = url
        self._admin = Api(url, admin_key)
        self._results = results
        self._bar = bar
        self._task = bar.add_task("", total=plan.seeds * (1 + len(plan.learners)))

    def run(self, data: Path) -> None:
        """Do all of it."""
        with closing(self._admin):
            for seed in range(self._plan.seeds):
                taught = read_prompts(data / TAUGHT, seed)
                unseen = read_prompts(data / UNSEEN, seed)[: QUICK.test_prompts]
                if base_key(seed) not in self._results:
                    self._keep(self._admin, base_key(seed), unseen, None)
                self._bar.advance(self._task)
                for learner in self._plan.learners:
                    self._bar.update(self._task, description=f"{learner}, seed {seed}")
                    if self._plan.key(learner, seed) not in self._results:
                        self._learn(learner, seed, taught, unseen)
                    self._bar.advance(self._task)

    def _learn(
        self, learner: str, seed: int, taught: Sequence[Prompt], unseen: Sequence[Prompt]
    ) -> None:
        name = f"{learner}-{seed}"
        judged = 0
        with closing(new_account(self._admin, self._url, name)) as api:
            for persona in self._plan.learners[learner]:
                user = SimulatedUser(api, persona, self._plan.share(persona, taught))
                user.judge(Point(self._plan.corrections), QUICK.taught_tokens)
                judged += user.judged
            run = train(self._admin, name, judged)
            self._keep(api, self._plan.key(learner, seed), unseen, run)

    def _keep(self, api: Api, key: Key, unseen: Sequence[Prompt], run: Run | None) -> None:
        keep(self._results, api, key, unseen, run, max_tokens=QUICK.test_tokens)
