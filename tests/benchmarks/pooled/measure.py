"""Measures the part of the comparison that is not finished, on a running server."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.progress import Progress

from server.client import Client
from tests.benchmarks.learning.plan import QUICK
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.recording import each_order, record_replies
from tests.benchmarks.learning.results import Point, Results
from tests.benchmarks.learning.simulated_user import SimulatedUser, new_account, train
from tests.benchmarks.pooled.plan import PooledPlan


class Pooling:
    """Measures the base, the pooled account and each persona's own, without other users."""

    def __init__(
        self, plan: PooledPlan, url: str, admin_key: str, results: Results, bar: Progress
    ) -> None:
        self._plan = plan
        self._url = url
        self._admin = Client(url, admin_key)
        self._results = results
        self._bar = bar
        self._task = bar.add_task("", total=plan.seeds * (1 + len(plan.learners)))

    def run(self, data: Path) -> None:
        """Do all of it."""
        with closing(self._admin):
            orders = each_order(data, self._plan.seeds, self._results, self._admin)
            for seed, taught, unseen in orders:
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
        num_feedback = 0
        with closing(new_account(self._admin, self._url, name)) as api:
            for persona in self._plan.learners[learner]:
                user = SimulatedUser(api, persona, self._plan.share(persona, taught))
                user.give_feedback(Point(self._plan.corrections), QUICK.taught_tokens)
                num_feedback += user.num_feedback
            run = train(self._admin, name, num_feedback)
            record_replies(self._results, api, self._plan.key(learner, seed), unseen, run)
