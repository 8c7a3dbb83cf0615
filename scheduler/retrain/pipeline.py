"""Retrains one user: from feedback to a dataset, an adapter, a verdict and the version in use.

Reads top to bottom. Knows no tensors, schedules or processes: a `Planner` decides what is trained,
a `Trainer` fits, a `Publisher` ends the run.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adapters_store.errors import AdapterInvalidError
from adapters_store.files import AdapterFiles
from adapters_store.registry import Registry
from adapters_store.trash import KEPT_DAYS
from feedback.examples.dataset import build_dataset
from feedback.examples.pooled import pooled
from feedback.filters.records import FilterResult, accepted
from feedback.filters.run import filter_examples
from feedback.records import ORGANISATION, Dataset
from feedback.store.documents import Documents
from feedback.store.log import FeedbackLog
from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.errors import TrainingFailedError
from scheduler.records import (
    Outcome,
    PipelineConfig,
    Progress,
    RunStatus,
    TeacherChoice,
    TrainingRun,
)
from scheduler.retrain.incumbents import Incumbents
from scheduler.retrain.judging import Judge
from scheduler.retrain.loss_curve import LossCurve
from scheduler.retrain.planner import NothingToTrain, Planned, Planner, Task
from scheduler.retrain.publication import FinishedFit, Publisher
from scheduler.run_store import RunStore
from scheduler.served_model import ServedModel
from scheduler.teaching.document_reader import DocumentReader
from scheduler.teaching.teacher import Teacher
from scheduler.trainer.trainer import Trainer
from scheduler.version_report import VersionReport, curation_report

_log = logging.getLogger(__name__)

IsCancelled = Callable[[], bool]


class Pipeline:
    """Works the runs of all users. Several threads may work runs, each of another user.

    `verify` raises `AdapterInvalidError` for a folder that must not be served. `clock` gives UTC
    seconds.
    """

    def __init__(
        self,
        *,
        log: FeedbackLog,
        registry: Registry,
        files: AdapterFiles,
        runs: RunStore,
        trainer: Trainer,
        model: ServedModel,
        publisher: Publisher,
        documents: Documents,
        verify: Callable[[Path], None],
        config: PipelineConfig,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._document_reader = DocumentReader(documents, model, config.base_model)
        self._registry = registry
        self._files = files
        self._runs = runs
        self._trainer = trainer
        self._references = ReferenceReplies(model, config.base_revision, Path(config.replies_cache))
        teacher = Teacher(model, self._references)
        self._planner = Planner(
            log=log,
            model=model,
            references=self._references,
            teacher=teacher,
            judge=Judge(model, self._references, teacher, verify, config),
            incumbents=Incumbents(registry, files, config),
            config=config,
        )
        self._publisher = publisher
        self._config = config
        self._clock = clock

    def sweep(self) -> None:
        """Remove the files that a crash left behind. No run and no import may be going on."""
        self._trainer.sweep()
        swept = self._files.sweep(self._registry.folders(), self._clock())
        if swept.trashed:
            _log.warning(
                "adapter folders that the database does not name: %d; moved to %s and deleted after"
                " %d days. If this database is an older copy, restore the newer one and restart:"
                " they come back.",
                swept.trashed,
                self._files.trash.root,
                KEPT_DAYS,
            )
        if swept.restored:
            _log.warning("adapter folders that came back from the trash: %d", swept.restored)

    def prepare(self, is_cancelled: IsCancelled) -> None:
        """Do ahead what every run needs, so that the next run is quicker.

        Raises `TrainingCancelledError`, and `TrainingFailedError` if the base cannot reply.
        """
        self._trainer.prepare()
        self._references.prepare(self._config.training, is_cancelled)

    def close(self) -> None:
        """End what `prepare` started."""
        self._trainer.close()

    def run(self, run: TrainingRun, is_cancelled: IsCancelled) -> None:
        """Work a running run to its end and record it.

        After a failure, the version in use stays in use. A cancelled run raises
        `TrainingCancelledError` and is still recorded as running.
        """
        if self._registry.is_frozen(run.user_id):
            return self._end(run, RunStatus.REFUSED, "the adapter is frozen")

        def on_phase(phase: str, share: float) -> None:
            self._runs.progress(run.id, Progress(phase, share, 0, 0, None))

        if run.user_id == ORGANISATION:
            try:
                self._document_reader.read_new(is_cancelled, on_phase)
            except TrainingFailedError as error:
                return self._end(run, RunStatus.FAILED, str(error))
        filtered = self._filter(run.user_id)
        dataset = build_dataset(run.user_id, pooled(run.user_id, accepted(filtered)))
        task = Task(run, filtered, self._registry.active(run.user_id), is_cancelled, on_phase)
        try:
            planned = self._planner.plan(task, dataset)
            if isinstance(planned, Planned):
                self._fit(task, planned)
            elif planned.returns_to_base and task.active is not None:
                self._publisher.return_to_base(run, planned.dataset, task.active, filtered)
            else:
                self._refuse(task, planned)
        except TrainingFailedError as error:
            self._end(run, RunStatus.FAILED, str(error), dataset, filtered, error.device_seconds)
        except AdapterInvalidError as error:
            reason = f"the trained adapter is unusable: {error}"
            self._end(run, RunStatus.FAILED, reason, dataset, filtered)

    def _filter(self, user_id: str) -> tuple[FilterResult, ...]:
        """The filters' results of everybody whose feedback the adapter learns, each by themself."""
        results: list[FilterResult] = []
        for each in self._log.contributors(user_id):
            interactions, feedback = self._log.turns_with_feedback(each)
            regenerated = self._log.regenerated(each)
            results += filter_examples(interactions + regenerated, feedback)
        return tuple(results)

    def _fit(self, task: Task, planned: Planned) -> None:
        """Fit a candidate, judge it, then publish or refuse it."""
        run, plan = task.run, planned.plan

        curve = LossCurve()

        def record(progress: Progress) -> None:
            curve.add(progress)
            self._runs.progress(run.id, progress)

        staged = self._files.stage()
        try:
            result = self._trainer.run(
                planned.job,
                plan.dataset,
                destination=staged,
                on_progress=record,
                is_cancelled=task.is_cancelled,
            )
            losses = curve.phases()
            result = replace(result, rejections=plan.without_learned(result.rejections))
            steps, loss = result.evaluation.steps, result.evaluation.train_loss_after
            record(Progress("testing the candidate's replies", 0.95, steps, steps, loss))
            judged = planned.judge(result)
            fit = FinishedFit(
                run=run,
                dataset=planned.dataset,
                teacher=planned.teacher,
                rules=planned.rules,
                result=judged.result,
                verdict=judged.verdict,
                samples=judged.samples,
                active=task.active,
                filtered=task.filtered,
                plan=plan,
                remarks=planned.remarks,
                curve=losses,
            )
            if judged.verdict.outcome is Outcome.REFUSED:
                self._publisher.refuse(fit)
            else:
                self._publisher.publish(fit)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _refuse(self, task: Task, why: NothingToTrain) -> None:
        reason, dataset, filtered = why.reason, why.dataset, task.filtered
        self._end(task.run, RunStatus.REFUSED, reason, dataset, filtered, teacher=why.teacher)

    def _end(
        self,
        run: TrainingRun,
        status: RunStatus,
        reason: str,
        dataset: Dataset | None = None,
        filtered: Sequence[FilterResult] = (),
        device_seconds: float = 0.0,
        teacher: TeacherChoice | None = None,
    ) -> None:
        curation = curation_report(filtered) if dataset else None
        self._runs.finish(
            run.id,
            status,
            reason,
            at=self._clock(),
            dataset_hash=None if dataset is None else dataset.content_hash,
            report=VersionReport(curation=curation, teacher=teacher).to_json(),
            usage={"device_seconds": round(device_seconds, 2)} if device_seconds else {},
        )
