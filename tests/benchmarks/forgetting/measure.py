"""Trains adapters, asks them and the base, and scores answers, except for finished results."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from rich.progress import Progress
from safetensors.torch import load_file

from adapters_store.base_model import BaseModel
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import NO_ADAPTER, AdapterPool
from server.cli.peft.folder import read_peft_folder
from server.client import Client
from tests.benchmarks.forgetting.ifeval import Task
from tests.benchmarks.forgetting.results import (
    BASE,
    ForgettingResults,
    Learned,
    Learner,
    ScoredAnswers,
    Written,
)
from tests.benchmarks.forgetting.truthfulqa import Question, answer_log_probs
from tests.benchmarks.learning.personas import BY_NAME
from tests.benchmarks.learning.plan import QUICK
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.results import Arm, Point
from tests.benchmarks.learning.server import download_adapter, files_client
from tests.benchmarks.learning.simulated_user import (
    AT_ONCE,
    SimulatedUser,
    ask_one,
    new_account,
    served_model,
    train,
)


class Forgetting:
    """Trains on one server, and asks there."""

    def __init__(self, url: str, admin_key: str, results: ForgettingResults, bar: Progress) -> None:
        self._url = url
        self._admin_key = admin_key
        self._admin = Client(url, admin_key)
        self._results = results
        self._bar = bar

    def learn(self, learners: Sequence[Learner], prompts: Sequence[Prompt]) -> None:
        """Train the learners without a result, and store their adapters."""
        task = self._bar.add_task("training", total=len(learners))
        for learner in learners:
            self._bar.update(task, description=f"training {learner.name}")
            if learner not in self._results.learned:
                self._results.learned.append([self._learn(learner, prompts)])
            self._bar.advance(task)

    def ask(self, learners: Sequence[Learner], tasks: Sequence[Task], max_tokens: int) -> None:
        """Have the base and every promoted adapter reply to every task, in the same batches."""
        with ExitStack() as connections:
            askers = [(BASE, self._admin, Arm.BASE)]
            for learner in learners:
                if self._results.promoted(learner):
                    api = connections.enter_context(closing(self._with_adapter(learner)))
                    askers.append((learner.name, api, Arm.WEIGHTS))
            todo = [
                (who, api, arm, task.prompt)
                for task in tasks
                for who, api, arm in askers
                if (who, max_tokens, task.prompt.id) not in self._results.written
            ]
            bar = self._bar.add_task("IFEval", total=len(tasks) * len(askers))
            self._bar.advance(bar, len(tasks) * len(askers) - len(todo))
            model = served_model(self._admin)

            def write(question: tuple[str, Client, Arm, Prompt]) -> Written:
                who, api, arm, prompt = question
                answer = ask_one(api, model, prompt, arm, max_tokens=max_tokens)
                return Written(who, max_tokens, answer.reply)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                for written in pool.map(write, todo):
                    self._results.written.append([written])
                    self._bar.advance(bar)

    def close(self) -> None:
        """Close its connections."""
        self._admin.close()

    def _learn(self, learner: Learner, prompts: Sequence[Prompt]) -> Learned:
        with closing(new_account(self._admin, self._url, learner.name)) as api:
            user = SimulatedUser(api, BY_NAME[learner.persona], prompts)
            user.give_feedback(Point(learner.corrections), QUICK.taught_tokens)
        run = train(self._admin, learner.name, user.num_feedback)
        if run.status == "promoted":
            with files_client(self._url, self._admin_key) as http:
                download_adapter(http, learner.name, self._results.adapter(learner))
        return Learned(learner, run)

    def _with_adapter(self, learner: Learner) -> Client:
        """An account that has the stored adapter and gave no feedback."""
        name = f"{learner.name}-again"
        api = new_account(self._admin, self._url, name)
        weights, headers = read_peft_folder(self._results.adapter(learner))
        with files_client(self._url, self._admin_key) as http:
            path = f"/v1/admin/adapters/{name}/versions"
            http.post(path, content=weights, headers=headers).raise_for_status()
        self._admin.post(f"/v1/admin/adapters/{name}/promote", {"version": "v1"})
        return api


def score_answers(
    base: BaseModel,
    pool: AdapterPool,
    learners: Sequence[Learner],
    questions: Sequence[Question],
    results: ForgettingResults,
    bar: Progress,
) -> None:
    """Score the answers under the base and each adapter. `pool` needs a slot for each."""
    slots = {BASE: NO_ADAPTER}
    for slot, learner in enumerate(filter(results.promoted, learners), start=1):
        pool.load(slot, load_file(results.adapter(learner) / WEIGHTS_FILE))
        slots[learner.name] = slot
    task = bar.add_task("TruthfulQA", total=len(questions) * len(slots))
    for question in questions:
        for who, slot in slots.items():
            if (who, question.id) not in results.scored:
                log_probs = answer_log_probs(base, pool, slot, question)
                results.scored.append([ScoredAnswers(who, question.id, log_probs)])
            bar.advance(task)
