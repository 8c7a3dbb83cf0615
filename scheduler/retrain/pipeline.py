"""Retrains one user: from feedback to a dataset, an adapter, a verdict and the version in use.

Reads top to bottom. Knows no tensors, schedules or processes: a `Trainer` fits, and the
`ServedModel` replies.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters_store.errors import AdapterInvalidError
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from adapters_store.registry import Registry
from adapters_store.trash import KEPT_DAYS
from feedback.examples.dataset import build_dataset, with_splits, without
from feedback.examples.repaired_dislikes import with_repaired_dislikes
from feedback.examples.synthetic import wanted_replies
from feedback.filters.records import FilterResult, accepted
from feedback.filters.run import filter_examples
from feedback.memory.preference_model import PreferenceModel, fit_preference_model
from feedback.records import Dataset, ExampleKind, ExampleSource, TrainingExample
from feedback.rules.explained import are_own_words
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learn_rules
from feedback.store.log import FeedbackLog
from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.augmentation.samples import draw_samples, rated_chats
from scheduler.errors import TrainingFailedError
from scheduler.records import (
    Outcome,
    PipelineConfig,
    Progress,
    RunStatus,
    TeacherChoice,
    TeacherKind,
    TrainingRun,
)
from scheduler.retrain.augmenter import Augmenter
from scheduler.retrain.incumbents import Incumbents
from scheduler.retrain.jobs import training_job
from scheduler.retrain.judging import Judge, Judgement
from scheduler.retrain.publication import FinishedFit, Publisher
from scheduler.retrain.warm_start import FitPlan, plan_fit, plan_from_scratch
from scheduler.run_store import RunStore
from scheduler.served_model import Reply, ServedModel
from scheduler.sign_test import p_value
from scheduler.teaching.best_of_n import ranked_pairs
from scheduler.teaching.evidence import may_teach
from scheduler.teaching.teacher import Teacher
from scheduler.trainer.job import JobResult, TrainingJob
from scheduler.trainer.trainer import Trainer
from scheduler.version_report import VersionReport, curation_report

_log = logging.getLogger(__name__)

IsCancelled = Callable[[], bool]

BY_RULES = TeacherChoice(
    TeacherKind.RULES, "Rules make most of what the user wrote from the base's replies."
)
"""Ratings show no other words, so they are learned with rules, too."""


class Pipeline:
    """Works the runs of all users, one at a time.

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
        verify: Callable[[Path], None],
        config: PipelineConfig,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._registry = registry
        self._files = files
        self._runs = runs
        self._trainer = trainer
        self._model = model
        self._references = ReferenceReplies(model, config.base_revision, Path(config.replies_cache))
        self._augmenter = Augmenter(self._references, config.training)
        self._teacher = Teacher(model, self._references)
        self._judge = Judge(model, self._references, self._teacher, verify, config)
        self._incumbents = Incumbents(registry, files, config)
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
        filtered = self._filter(run.user_id)
        task = _Task(run, filtered, self._registry.active(run.user_id), is_cancelled)
        dataset = build_dataset(run.user_id, accepted(filtered))
        try:
            if not are_own_words(dataset.examples):
                return self._learn_by_rules_or_ratings(task, dataset)
            short = without(dataset, {e.id for e in dataset.examples if not self._fits(e)})
            if old := self._incumbents.nothing_new(run.user_id, task.active, short):
                return self._end(run, RunStatus.REFUSED, old, short, filtered)
            self._record(run, "choosing the teacher", 0.0)
            evidence = self._teacher.evidence(short.examples, is_cancelled)
            is_allowed, sentence = may_teach(evidence)
            if is_allowed:
                choice = TeacherChoice(TeacherKind.DEMONSTRATIONS, sentence)
                return self._learn_by_demonstrations(task, short, choice)
            self._learn_the_rest(task, dataset, TeacherChoice(TeacherKind.NONE, sentence))
        except TrainingFailedError as error:
            self._end(run, RunStatus.FAILED, str(error), dataset, filtered, error.device_seconds)
        except AdapterInvalidError as error:
            reason = f"the trained adapter is unusable: {error}"
            self._end(run, RunStatus.FAILED, reason, dataset, filtered)

    def _fits(self, example: TrainingExample) -> bool:
        return self._model.fits(Reply(example.messages, example.reply))

    def _rules(self, dataset: Dataset) -> tuple[Rule, ...]:
        """The active rules. Held-out examples stay unseen: no rule is learned from them."""
        return active_rules(learn_rules(dataset.train), self._log.decisions(dataset.user_id))

    def _filter(self, user_id: str) -> tuple[FilterResult, ...]:
        interactions, feedback = self._log.turns_with_feedback(user_id)
        regenerated = self._log.regenerated(user_id)
        return filter_examples(interactions + regenerated, feedback)

    def _learn_the_rest(self, task: "_Task", dataset: Dataset, choice: TeacherChoice) -> None:
        """Leave the corrections to memory, and learn what else there is."""
        corrections = {e.id for e in dataset.examples if e.source is ExampleSource.CORRECTION}
        rest, active = without(dataset, corrections), task.active
        has_withdrawn = active and not corrections.issuperset(active.example_ids)
        rules = self._rules(rest)
        if has_withdrawn or _can_teach(rest, rules):
            return self._learn_by_rules(task, rest, rules, choice)
        reason = f"Memory shows what the user wrote. {choice.sentence}"
        self._end(task.run, RunStatus.REFUSED, reason, dataset, task.filtered, teacher=choice)

    def _learn_by_rules_or_ratings(self, task: "_Task", dataset: Dataset) -> None:
        """Learn by rules; if ratings show none, by a preference model of them."""
        rules = self._rules(dataset)
        prefers = None if _can_teach(dataset, rules) else fit_preference_model(dataset.examples)
        if prefers is None:
            return self._learn_by_rules(task, dataset, rules, BY_RULES)
        # Each rating was left out already, to see whether the others tell it.
        whole = build_dataset(dataset.user_id, dataset.examples, held_out_share=0)
        self._learn_by_preference(task, whole, prefers)

    def _learn_by_preference(
        self, task: "_Task", dataset: Dataset, prefers: PreferenceModel
    ) -> None:
        """Learn to prefer those of the base's own replies that the ratings speak for."""
        run, is_cancelled = task.run, task.is_cancelled
        if old := self._incumbents.nothing_new(run.user_id, task.active, dataset):
            return self._end(run, RunStatus.REFUSED, old, dataset, task.filtered)
        self._record(run, "sampling the base's replies", 0.02)
        own = draw_samples(self._model, rated_chats(dataset.examples), is_cancelled)
        samples = (*self._references.samples(is_cancelled), *own)
        pairs = ranked_pairs(run.user_id, prefers, samples)
        if not pairs:  # the user rates replies in another language than the samples have
            return self._learn_by_rules(task, dataset, (), BY_RULES)
        plan = plan_from_scratch(
            with_splits(dataset, pairs, ()),
            self._config.training,
            "a preference model's choice is learned from nothing",
        )
        job = training_job(self._config, plan, None, None, self._references, is_cancelled)
        # Memory shows liked replies beside it.
        job = replace(job, scale=self._config.training.distillation_scale)

        def judge(result: JobResult) -> Judgement:
            return self._judge.judge_fit(result, plan, (), is_cancelled, prefers)

        self._fit(task, dataset, plan, job, judge, _by_preference(prefers))

    def _learn_by_rules(
        self, task: "_Task", dataset: Dataset, rules: Sequence[Rule], choice: TeacherChoice
    ) -> None:
        """Fit the examples and synthetic ones: the base's own replies, rewritten by the rules."""
        run, filtered, active, is_cancelled = (
            task.run,
            task.filtered,
            task.active,
            task.is_cancelled,
        )
        dataset = self._augmenter.with_synthetic(dataset, rules, is_cancelled)
        if not _can_teach(dataset, rules):
            still = {each.id for each in dataset.examples}
            if active is not None and not still.issuperset(active.example_ids):
                return self._publisher.return_to_base(run, dataset, active, filtered)
            reason = _why_nothing_teaches(dataset, filtered)
            return self._end(run, RunStatus.REFUSED, reason, dataset, filtered)
        if old := self._incumbents.nothing_new(run.user_id, active, dataset):
            return self._end(run, RunStatus.REFUSED, old, dataset, filtered)
        incumbent = self._incumbents.folder(active)
        plan = plan_fit(dataset, active if incumbent else None, self._config.training)
        repaired, remarks = with_repaired_dislikes(plan.dataset, rules)
        plan = replace(plan, dataset=repaired)
        reference = self._references.reference(is_cancelled)
        job = replace(
            training_job(self._config, plan, active, incumbent, self._references, is_cancelled),
            # What the user wants is no drift.
            reference_replies=wanted_replies(run.user_id, rules, reference),
            probes=self._augmenter.probes(plan, rules, is_cancelled),
            rules=tuple(rules),
        )

        def judge(result: JobResult) -> Judgement:
            return self._judge.judge_fit(result, plan, rules, is_cancelled)

        self._fit(task, dataset, plan, job, judge, choice, rules, remarks)

    def _learn_by_demonstrations(
        self, task: "_Task", dataset: Dataset, choice: TeacherChoice
    ) -> None:
        """Distil what the base says with the user's demonstrations in its prompt."""
        is_cancelled = task.is_cancelled
        self._record(task.run, "writing what the teacher says", 0.02)
        seed = self._config.training.seed
        lessons = self._teacher.lessons(dataset.train, seed, is_cancelled)
        plan = plan_from_scratch(
            dataset, self._config.training, "a teacher's replies are learned from nothing"
        )
        job = replace(
            training_job(self._config, plan, None, None, self._references, is_cancelled),
            lessons=lessons,
        )

        def judge(result: JobResult) -> Judgement:
            return self._judge.judge_distilled(result, dataset, lessons.unseen, is_cancelled)

        self._fit(task, dataset, plan, job, judge, choice)

    def _fit(
        self,
        task: "_Task",
        dataset: Dataset,
        plan: FitPlan,
        job: TrainingJob,
        judge: Callable[[JobResult], Judgement],
        teacher: TeacherChoice,
        rules: Sequence[Rule] = (),
        remarks: Sequence[str] = (),
    ) -> None:
        """Fit a candidate, judge it, then publish or refuse it."""
        run = task.run

        def record(progress: Progress) -> None:
            self._runs.progress(run.id, progress)

        staged = self._files.stage()
        try:
            result = self._trainer.run(
                job,
                plan.dataset,
                destination=staged,
                on_progress=record,
                is_cancelled=task.is_cancelled,
            )
            result = replace(result, rejections=plan.without_learned(result.rejections))
            fitted = result.evaluation
            loss, steps = fitted.train_loss_after, fitted.steps
            self._record(run, "testing the candidate's replies", 0.95, steps, loss)
            judged = judge(result)
            fit = FinishedFit(
                run=run,
                dataset=dataset,
                teacher=teacher,
                rules=tuple(rules),
                result=judged.result,
                verdict=judged.verdict,
                samples=judged.samples,
                active=task.active,
                filtered=task.filtered,
                plan=plan,
                remarks=tuple(remarks),
            )
            if judged.verdict.outcome is Outcome.REFUSED:
                self._publisher.refuse(fit)
            else:
                self._publisher.publish(fit)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _record(
        self,
        run: TrainingRun,
        phase: str,
        fraction: float,
        steps: int = 0,
        loss: float | None = None,
    ) -> None:
        self._runs.progress(run.id, Progress(phase, fraction, steps, steps, loss))

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


def _by_preference(prefers: PreferenceModel) -> TeacherChoice:
    liked, disliked = prefers.num_liked, prefers.num_disliked
    return TeacherChoice(
        TeacherKind.PREFERENCE_MODEL,
        f"A preference model of {liked} liked and {disliked} disliked replies tells those apart"
        f" that it has not seen ({p_value(prefers.chance)}).",
    )


def _can_teach(dataset: Dataset, rules: Sequence[Rule]) -> bool:
    """Whether the examples show better replies than the base's: ratings need rules for that."""
    shown = any(each.kind in (ExampleKind.SFT, ExampleKind.DPO) for each in dataset.examples)
    return shown or bool(dataset.examples and rules)


def _why_nothing_teaches(dataset: Dataset, filtered: Sequence[FilterResult]) -> str:
    if dataset.examples:
        return (
            "the ratings do not show yet what liked replies have in common: rate more replies, edit"
            " one, or say in a comment what you want"
        )
    return "every example was rejected" if filtered else "nothing to learn from yet"


@dataclass(frozen=True, slots=True)
class _Task:
    """One run, with the filters' results and the version that was in use when it began."""

    run: TrainingRun
    filtered: tuple[FilterResult, ...]
    active: AdapterVersion | None
    is_cancelled: IsCancelled
