"""Measures the chains that are not finished, on a running server."""

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
from tests.benchmarks.retention.plan import Chain, RetentionPlan


class MeasuringRetention:
    """Measures every chain after each of its wishes, on a server without other users.

    An unfinished chain starts anew, because later measurements build on earlier ones.
    """

    def __init__(
        self, plan: RetentionPlan, url: str, admin_key: str, results: Results, bar: Progress
    ) -> None:
        self._plan = plan
        self._url = url
        self._admin = Client(url, admin_key)
        self._results = results
        self._bar = bar
        self._task = bar.add_task(
            "", total=plan.seeds * (1 + sum(len(chain.wishes) for chain in plan.chains))
        )

    def run(self, data: Path) -> None:
        """Do all of it."""
        with closing(self._admin):
            orders = each_order(data, self._plan.seeds, self._results, self._admin)
            for seed, taught, unseen in orders:
                self._bar.advance(self._task)
                for chain in self._plan.chains:
                    if self._plan.key(chain, seed, len(chain.wishes)) in self._results:
                        self._bar.advance(self._task, len(chain.wishes))
                    else:
                        self._learn(chain, seed, taught, unseen)

    def _learn(
        self, chain: Chain, seed: int, taught: Sequence[Prompt], unseen: Sequence[Prompt]
    ) -> None:
        name = f"{chain.name}-{seed}"
        left = list(taught)
        num_feedback = 0
        with closing(new_account(self._admin, self._url, name)) as api:
            for wishes in range(1, len(chain.wishes) + 1):
                self._bar.update(self._task, description=f"{name}: {wishes} of its wishes")
                user = SimulatedUser(api, chain.stage(wishes), left)
                user.give_feedback(Point(self._plan.corrections), QUICK.taught_tokens)
                left = user.left
                num_feedback += user.num_feedback
                run = train(self._admin, name, num_feedback)
                record_replies(self._results, api, self._plan.key(chain, seed, wishes), unseen, run)
                self._bar.advance(self._task)
