"""The real stores of retraining, with a trainer that stages an adapter at once."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sqlite_utils import Database

from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from adapters_store.registry import Registry
from feedback.filters.records import Rejection
from feedback.memory.demonstrations import with_memory
from feedback.records import (
    ORGANISATION,
    Dataset,
    Feedback,
    Interaction,
    Memory,
    Message,
    OrganisationChoice,
)
from feedback.store.documents import Documents
from feedback.store.log import FeedbackLog
from scheduler.candidates import Candidates
from scheduler.evaluation.rollback import RollbackMonitor
from scheduler.evaluation.suite.records import SuiteConfig
from scheduler.evaluation.suite.run_store import SuiteRunStore
from scheduler.evaluation.suite.service import SuiteService
from scheduler.evaluation.suite.suite import Suite
from scheduler.records import Progress, TrainingRun
from scheduler.retrain.pipeline import Pipeline
from scheduler.retrain.publication import Publisher
from scheduler.run_store import REQUESTED, RunStore
from scheduler.served_model import Adapter, Prompt, Reply, ScoredToken
from scheduler.trainer.job import JobResult, TrainingJob
from scheduler.trainer.trainer import Trainer
from scheduler.unseen_feedback import UnseenFeedback
from tests.scheduler.builders import make_config
from tests.scheduler.evaluation.suite.ideal import FakeSuiteModel
from tests.scheduler.evaluations import GOOD


class FakeTrainer:
    """Stages a small adapter with a given evaluation; calls `meanwhile()` before it returns."""

    def __init__(self) -> None:
        self.evaluation = GOOD
        self.usage: dict[str, Any] = {"device": "cpu", "device_seconds": 1.5}
        self.rejections: dict[str, Rejection] = {}
        self.meanwhile: Callable[[], object] = lambda: None
        self.jobs: list[TrainingJob] = []
        self.datasets: list[Dataset] = []
        self.destinations: list[Path] = []
        self.sweeps = 0
        self.before_preparing: Callable[[], None] = lambda: None
        self.prepared = 0
        self.closed = 0

    def run(
        self,
        job: TrainingJob,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        self.jobs.append(job)
        self.datasets.append(dataset)
        self.destinations.append(destination)
        on_progress(Progress(phase="training", fraction=0.5, step=1, steps=2, loss=1.0))
        name = "base_model.model.layers.0.lora_A.weight"
        weights = np.full((2, 4), len(self.jobs), dtype=np.float32)
        save_file({name: weights}, destination / "adapter_model.safetensors")
        (destination / "adapter_config.json").write_text("{}")
        self.meanwhile()
        return JobResult(destination, self.evaluation, self.usage, ("layers.0",), self.rejections)

    def prepare(self) -> None:
        self.before_preparing()
        self.prepared += 1

    def sweep(self) -> int:
        self.sweeps += 1
        return 0

    def close(self) -> None:
        self.closed += 1


class FakeServedModel:
    """Replies to every prompt with `base` as the base and `candidate` as an adapter. With memory:
    with `base_with_memory(prompt)` and `with_memory`. The base's samples are `drawn(seed)`. Texts
    are as likely as `log_prob` says, by the messages that stand before them."""

    def __init__(self) -> None:
        self.base = "A sensible reply."
        self.candidate = "Other words."
        self.with_memory = "Words beside memory."
        self.base_with_memory: Callable[[str], str] = str.upper
        self.drawn: Callable[[int], str] = lambda seed: self.base
        self.log_prob: Callable[[Reply, Adapter], float] = lambda reply, adapter: -1.0
        self.context = 4000  # characters of a reply
        self.asked: list[Adapter] = []
        self.prompts: list[Prompt] = []

    def reply(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
    ) -> list[Reply]:
        self.asked.append(adapter)
        self.prompts += prompts
        return [Reply(each.messages, self._text(each, adapter)) for each in prompts]

    def _text(self, prompt: Prompt, adapter: Adapter) -> str:
        is_base = adapter is None
        if len(prompt.messages) == 1:
            if is_base and prompt.seed is not None:
                return self.drawn(prompt.seed)
            return self.base if is_base else self.candidate
        question, _, _ = prompt.messages[-1].content.partition("\n\n")  # the note follows
        return self.base_with_memory(question) if is_base else self.with_memory

    def score(
        self,
        replies: Sequence[Reply],
        adapter: Adapter,
        is_cancelled: Callable[[], bool],
        *,
        num_top: int = 0,
    ) -> list[tuple[ScoredToken, ...]]:
        top = tuple((token, -float(token)) for token in range(1, num_top + 1))
        return [(ScoredToken(1, self.log_prob(each, adapter), top),) for each in replies]

    def continue_lines(
        self, texts: Sequence[str], max_tokens: int, seed: int, is_cancelled: Callable[[], bool]
    ) -> list[str]:
        return [f"What is thing number {place}?" for place in range(len(texts))]

    def fits(self, reply: Reply) -> bool:
        return len(reply.text) <= self.context

    def remember(self, messages: Sequence[Message], memory: Memory) -> tuple[Message, ...]:
        return with_memory(messages, memory)


class World:
    """The stores on one database and one folder, and a clock that a test moves by hand."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.now = 1_000_000.0
        self.database = database
        self.adapters = folder / "adapters"
        self.registry = Registry(database)
        self.log = FeedbackLog(database, on_withdrawal=self._withdraw)
        self.documents = Documents(database, self.log, self.clock)
        self.files = AdapterFiles(self.adapters)
        self.runs = RunStore(database)
        self.suite_runs = SuiteRunStore(database)
        self.unseen = UnseenFeedback(database)
        self.rollback_monitor = RollbackMonitor(self.log, self.registry, self.unseen, self.clock)
        self.candidates = Candidates(self.unseen, self.registry, self.runs)
        self.trainer = FakeTrainer()
        self.model = FakeServedModel()
        self.speaker = FakeSuiteModel()
        self.config = make_config(folder=folder / "replies")
        self.verify: Callable[[Path], None] = lambda folder: None
        self.pipeline = self.build_pipeline(self.trainer)

    def use(self, trainer: Trainer, base_model: str) -> None:
        """Train with another trainer, under another name of the base."""
        Path(self.config.replies_cache).mkdir(exist_ok=True)
        self.config = replace(self.config, base_model=base_model)
        self.pipeline = self.build_pipeline(trainer)

    def build_pipeline(self, trainer: Trainer) -> Pipeline:
        publisher = Publisher(
            self.database,
            registry=self.registry,
            files=self.files,
            runs=self.runs,
            config=self.config,
            clock=self.clock,
        )
        return Pipeline(
            log=self.log,
            registry=self.registry,
            files=self.files,
            runs=self.runs,
            trainer=trainer,
            model=self.model,
            publisher=publisher,
            documents=self.documents,
            verify=lambda folder: self.verify(folder),
            config=self.config,
            clock=self.clock,
        )

    def build_suite(self, *, is_nightly: bool = True) -> SuiteService:
        suite = Suite(
            self.speaker,
            revision=self.config.base_revision,
            cache=Path(self.config.replies_cache),
            config=SuiteConfig(),
        )
        return SuiteService(
            suite=suite,
            store=self.suite_runs,
            registry=self.registry,
            trainings=self.runs,
            base_revision=self.config.base_revision,
            lora=self.config.lora,
            is_nightly=is_nightly,
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.now

    def _withdraw(self, user_id: str, example_ids: Collection[str], at: float) -> None:
        to_ancestor = user_id == ORGANISATION
        self.registry.withdraw(user_id, example_ids, at, to_ancestor=to_ancestor)

    def share(self, user_id: str, shares: bool = True) -> None:
        """Have a user share with the organisation, or stop sharing."""
        self.now += 1.0
        self.log.choose(OrganisationChoice(user_id, shares=shares, at=self.now))

    def correct(self, user_id: str, name: str, correction: str = "") -> str:
        """Have a user correct one reply; returns the feedback's id."""
        target = self.answer(user_id, name)
        return self._give_feedback(
            user_id, name, target, correction=correction or f"a long and {name} reply."
        )

    def recorrect(self, user_id: str, name: str, target: str, correction: str) -> str:
        """Have a user correct a reply that is stored already; returns the feedback's id."""
        return self._give_feedback(user_id, name, target, correction=correction)

    def answer(
        self,
        user_id: str,
        name: str,
        reply: str = "A long and formal reply.",
        adapter: str = "base",
        organisation: str | None = None,
    ) -> str:
        """Have a user ask in a conversation of its own; returns the reply's id."""
        self.now += 1.0
        turn = Interaction(
            id=f"chatcmpl-{user_id}-{name}-{self.now:.0f}",
            user_id=user_id,
            conversation_id=f"{user_id}-{name}",
            created_at=self.now,
            model="tiny",
            adapter=adapter,
            messages=(Message("user", f"Question {name}?"),),
            replies=(reply,),
            finish_reasons=("stop",),
            prompt_tokens=3,
            completion_tokens=6,
            organisation=organisation,
        )
        self.log.store(turn)
        return turn.id

    def rate(self, user_id: str, target: str, value: int) -> str:
        """Have a user like or dislike a reply; returns the feedback's id."""
        return self._give_feedback(user_id, target, target, value=value)

    def prefer(self, user_id: str, winner: str, loser: str) -> str:
        """Have a user prefer one reply over another; returns the feedback's id."""
        return self._give_feedback(user_id, winner, winner, preferred_over=loser)

    def comment(self, user_id: str, target: str, comment: str) -> str:
        """Have a user comment on a reply; returns the feedback's id."""
        return self._give_feedback(user_id, f"{target}-comment", target, comment=comment)

    def _give_feedback(self, user_id: str, name: str, target: str, **given: Any) -> str:
        feedback = Feedback(
            id=f"{user_id}-{name}",
            user_id=user_id,
            completion_id=target,
            created_at=self.now,
            updated_at=self.now,
            **given,
        )
        self.log.add_feedback(feedback)
        return feedback.id

    def begin(self, user_id: str) -> TrainingRun:
        """Start a run that an admin requested."""
        self.now += 1.0
        run = self.runs.create(user_id, trigger=REQUESTED, requested_by="admin", at=self.now)
        assert self.runs.start(run.id, self.now)
        return self.runs.run(run.id)

    def train(self, user_id: str) -> TrainingRun:
        """Work one run to its end."""
        run = self.begin(user_id)
        self.pipeline.run(run, lambda: False)
        return self.runs.run(run.id)

    def active(self, user_id: str) -> AdapterVersion:
        version = self.registry.active(user_id)
        assert version is not None
        return version

    def folders(self) -> set[str]:
        """Return the names of all adapter folders on disk, staged ones too."""
        staging = self.adapters / ".staging"
        found = {*self.adapters.iterdir(), *(staging.iterdir() if staging.is_dir() else ())}
        return {path.name for path in found if path != staging}
