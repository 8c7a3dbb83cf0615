"""One user's story: judgements become a dataset, an adapter, a verdict, a version, and answers.

Reads top to bottom. Knows no tensors, no schedule and no process: a `Trainer` does the fitting, and
a `Replier` lets the model that serves speak.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from adapters_store.registry import Registry
from feedback.examples.dataset import freeze, with_practice
from feedback.examples.repaired_dislikes import with_explained
from feedback.examples.synthetic import practice_examples
from feedback.filters.records import Fate, kept
from feedback.filters.run import fates_of
from feedback.judged_replies import commented
from feedback.records import Dataset, ExampleKind
from feedback.rules.rule import Rule
from feedback.rules.user_rules import rules_behind, standing
from feedback.store.log import FeedbackLog
from feedback.text.repetition import is_repetitive
from scheduler.augmentation.abstention import admission_examples
from scheduler.augmentation.prompts import (
    ANCHOR_PROMPTS,
    ANCHOR_REPLY_TOKENS,
    PRACTICE_PROMPTS,
    PRACTICE_REPLY_TOKENS,
    TRIED_PROMPTS,
    TRIED_REPLY_TOKENS,
)
from scheduler.augmentation.reference_replies import BaseReplies, Replier
from scheduler.augmentation.revision import MAX_COMMENTS, revised
from scheduler.augmentation.self_distillation import REPLY_TOKENS, in_own_words
from scheduler.errors import TrainingFailedError
from scheduler.evaluation import gate
from scheduler.evaluation.degeneration import collapsed, is_silent, parrots, share
from scheduler.evaluation.few_shot_baseline import memory_of
from scheduler.evaluation.rule_compliance import put_right
from scheduler.records import (
    Evaluation,
    Outcome,
    PipelineConfig,
    Progress,
    RunStatus,
    TrainingRun,
    Verdict,
)
from scheduler.retrain.publication import Fit, Publisher
from scheduler.retrain.warm_start import Plan, plan_fit
from scheduler.run_store import RunStore
from scheduler.trainer.job import Job, JobResult
from scheduler.version_report import curation_report

_log = logging.getLogger(__name__)


class Trainer(Protocol):
    """Fits adapters; `scheduler.trainer.worker.Worker` does it in a child process."""

    def prepare(self) -> None:
        """Do ahead what the next `run` would begin with. Harmless when done twice."""

    def run(
        self,
        job: Job,
        dataset: Dataset,
        *,
        destination: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> JobResult:
        """Put a PEFT folder's files into `destination`.

        Raises `TrainingFailedError` and `TrainingCancelledError`.
        """

    def sweep(self) -> int:
        """Remove what a crash left behind."""

    def close(self) -> None:
        """End what `prepare` started."""


class Pipeline:
    """Works runs of any user, one at a time, from the judgements to the pointer.

    `heeds_notes` says whether the base does what notes in its prompt say. `verify` raises
    `AdapterInvalidError` for a folder that must not be served. `clock` gives UTC seconds.
    """

    def __init__(
        self,
        *,
        log: FeedbackLog,
        registry: Registry,
        files: AdapterFiles,
        runs: RunStore,
        trainer: Trainer,
        reply: Replier,
        heeds_notes: Callable[[], bool],
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
        self._reply = reply
        self._heeds_notes = heeds_notes
        self._base = BaseReplies(reply, config.base_revision, Path(config.replies_cache))
        self._publisher = publisher
        self._verify = verify
        self._config = config
        self._clock = clock

    def sweep(self) -> None:
        """Remove the files that a crash left behind. No run and no import may be going on."""
        self._trainer.sweep()
        self._files.sweep(self._registry.folders())

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """Do ahead what every run needs: the next run is quicker for it.

        Raises `TrainingCancelledError`, and `TrainingFailedError` where the base cannot reply.
        """
        self._trainer.prepare()
        self._anchors(is_cancelled)
        self._practice(is_cancelled)
        self._tried(is_cancelled)

    def close(self) -> None:
        """End what `prepare` started."""
        self._trainer.close()

    def run(self, run: TrainingRun, is_cancelled: Callable[[], bool]) -> None:
        """Work a running run to its end and record it.

        Whatever goes wrong, the version in use stays in use. When it was told to end it raises
        `TrainingCancelledError` and leaves the run as running.
        """
        if self._registry.is_frozen(run.user_id):
            return self._end(run, RunStatus.REFUSED, "the adapter is frozen")
        active = self._registry.active(run.user_id)
        fates = self._fates(run.user_id)
        dataset = freeze(run.user_id, kept(fates))
        # Held-out rows stay unseen: no rule is learned from them.
        rules = standing(rules_behind(dataset.train), self._log.decisions(run.user_id))
        dataset, remarks = self._with_revisions(dataset, rules, is_cancelled)
        dataset = self._practised(dataset, rules, is_cancelled)
        if not dataset.examples:
            if active is not None and active.example_ids:
                return self._publisher.return_to_base(run, dataset, active, fates)
            nothing = "every row was left out" if fates else "nothing to learn from yet"
            return self._end(run, RunStatus.REFUSED, nothing, dataset, fates)
        incumbent = self._incumbent(active)
        if active is not None and incumbent is not None and self._is_same_fit(active, dataset):
            reason = f"nothing new since {active.label}"
            return self._end(run, RunStatus.REFUSED, reason, dataset, fates)
        for version in self._registry.rolled_back(run.user_id):
            if self._fits(version) and self._is_same_fit(version, dataset):
                reason = f"nothing new since {version.label}, which was rolled back"
                return self._end(run, RunStatus.REFUSED, reason, dataset, fates)
        self._fit(run, fates, dataset, rules, active, incumbent, remarks, is_cancelled)

    def _fates(self, user_id: str) -> tuple[Fate, ...]:
        turns, judgements = self._log.judged(user_id)
        again = self._log.answered_again(user_id)
        return fates_of(turns + again, judgements, self._log.approved(user_id))

    def _incumbent(self, active: AdapterVersion | None) -> Path | None:
        """Return the folder of the version in use, None when there is nothing to compare with."""
        if active is None or not self._fits(active):
            return None
        try:
            return self._files.open(active)
        except (AdapterNotFoundError, AdapterInvalidError) as error:
            # A broken version must not keep its user from getting a sound one.
            _log.error("training without the version in use (%s): %s", active.label, error)
            return None

    def _fits(self, version: AdapterVersion) -> bool:
        ours = self._config.base_revision, self._config.lora
        return (version.base_revision, version.lora) == ours

    def _is_same_fit(self, version: AdapterVersion, dataset: Dataset) -> bool:
        # The rows that there were: those that were taught may be fewer, or in other words.
        rows = version.report.get("fitting", {}).get("rows", version.dataset_hash)
        return (rows, version.seed) == (dataset.content_hash, self._config.training.seed)

    def _fit(
        self,
        run: TrainingRun,
        fates: tuple[Fate, ...],
        dataset: Dataset,
        rules: Sequence[Rule],
        active: AdapterVersion | None,
        incumbent: Path | None,
        remarks: tuple[str, ...],
        is_cancelled: Callable[[], bool],
    ) -> None:
        def record(progress: Progress) -> None:
            self._runs.progress(run.id, progress)

        staged = self._files.stage()
        try:
            plan = plan_fit(dataset, active if incumbent else None, self._config.training)
            taught, explained = with_explained(plan.dataset, rules)
            plan, remark = self._reworded(replace(plan, dataset=taught), rules, is_cancelled)
            anchors = self._anchors(is_cancelled)
            result = self._trainer.run(
                self._job(plan, rules, active, incumbent, anchors, is_cancelled),
                plan.dataset,
                destination=staged,
                on_progress=record,
                is_cancelled=is_cancelled,
            )
            result = replace(result, left_out=plan.without_learned(result.left_out))
            result, verdict = self._judge(result, plan, rules, anchors, record, is_cancelled)
            told = remarks + explained + remark
            fit = Fit(run, dataset, tuple(rules), result, verdict, active, fates, plan, told)
            self._settle(fit)
        except TrainingFailedError as error:
            self._end(run, RunStatus.FAILED, str(error), dataset, fates, error.device_seconds)
        except AdapterInvalidError as error:
            reason = f"the trained adapter is unusable: {error}"
            self._end(run, RunStatus.FAILED, reason, dataset, fates)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _judge(
        self,
        result: JobResult,
        plan: Plan,
        rules: Sequence[Rule],
        anchors: tuple[tuple[str, str], ...],
        record: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> tuple[JobResult, Verdict]:
        """Let the gate decide on the numbers, then on how the candidate really replies."""
        verdict = gate.judge(result.evaluation, self._config.gate)
        if verdict.outcome is Outcome.REFUSED:
            return result, verdict
        self._verify(result.adapter)
        fitted = result.evaluation
        steps, loss = fitted.steps, fitted.train_loss_after
        record(Progress("trying the candidate", 0.95, steps, steps, loss))
        candidate = self._reply(ANCHOR_PROMPTS, result.adapter, ANCHOR_REPLY_TOKENS, is_cancelled)
        base = [reply for _, reply in anchors]
        evaluation = replace(
            fitted,
            repetition_base=share(map(is_repetitive, base)),
            repetition_candidate=share(map(is_repetitive, candidate)),
            collapse_base=share(collapsed(base)),
            collapse_candidate=share(collapsed(candidate)),
            parroting_base=share(map(parrots, ANCHOR_PROMPTS, base)),
            parroting_candidate=share(map(parrots, ANCHOR_PROMPTS, candidate)),
            silence_base=share(map(is_silent, base)),
            silence_candidate=share(map(is_silent, candidate)),
        )
        evaluation = self._tried_with_memory(evaluation, result.adapter, plan, rules, is_cancelled)
        verdict = gate.judge(evaluation, self._config.gate)
        return replace(result, evaluation=evaluation), verdict

    def _tried_with_memory(
        self,
        evaluation: Evaluation,
        candidate: Path,
        plan: Plan,
        rules: Sequence[Rule],
        is_cancelled: Callable[[], bool],
    ) -> Evaluation:
        """Add how many of the tried replies keep the rules with what was learned in the prompt, of
        the candidate's and of the base's."""
        memory = memory_of(plan.dataset.examples)
        if not evaluation.tried or not memory.demonstrations:
            return evaluation
        exchanges = self._tried(is_cancelled)[evaluation.tried_part]
        prompts = [prompt for prompt, _ in exchanges]

        def kept(adapter: Path | None) -> int:
            replies = self._reply(prompts, adapter, TRIED_REPLY_TOKENS, is_cancelled, memory)
            return sum(put_right(rules, plan.dataset.user_id, exchanges, replies).keeps)

        return replace(evaluation, tried_kept_beside=kept(candidate), tried_kept_memory=kept(None))

    def _settle(self, fit: Fit) -> None:
        if fit.verdict.outcome is Outcome.REFUSED:
            self._publisher.refuse(fit)
        else:
            self._publisher.publish(fit)

    def _practised(
        self, dataset: Dataset, rules: Sequence[Rule], is_cancelled: Callable[[], bool]
    ) -> Dataset:
        """Put practice before the rows, and what cannot be known.

        What is only disliked shows nothing to do.
        """
        training = self._config.training
        shown = sum(each.kind is not ExampleKind.UNDESIRABLE for each in dataset.train)
        if not rules or shown > training.warm_start_above:
            return dataset
        user_id, count = dataset.user_id, training.practice_rows
        exchanges = self._practice(is_cancelled) if count else ()
        practice = practice_examples(user_id, rules, exchanges, count)
        admissions = admission_examples(user_id, rules, shown + len(practice))
        return with_practice(dataset, admissions + practice)

    def _with_revisions(
        self, dataset: Dataset, rules: Sequence[Rule], is_cancelled: Callable[[], bool]
    ) -> tuple[Dataset, tuple[str, ...]]:
        """Put what the base makes of comments before the rows, where it can follow any."""
        comments = commented(
            *self._log.judged(dataset.user_id),
            but_in={each.conversation_id for each in dataset.held_out},
            limit=MAX_COMMENTS,
        )
        if not comments or not self._heeds_notes():
            return dataset, ()

        anchors, ask = self._practice(is_cancelled), self._asking(is_cancelled)
        rows, remark = revised(dataset.user_id, comments, rules, anchors, ask)
        return with_practice(dataset, rows), (remark,)

    def _reworded(
        self, plan: Plan, rules: Sequence[Rule], is_cancelled: Callable[[], bool]
    ) -> tuple[Plan, tuple[str, ...]]:
        """Let the base put what is taught into its own words, where that is wanted."""
        if not self._config.training.self_distillation:
            return plan, ()

        dataset, remark = in_own_words(plan.dataset, rules, self._asking(is_cancelled))
        return replace(plan, dataset=dataset), (remark,)

    def _asking(self, is_cancelled: Callable[[], bool]) -> Callable[[Sequence[str]], list[str]]:
        """The base's replies to what a user wrote: not kept, as those to fixed prompts are."""
        return lambda prompts: self._reply(prompts, None, REPLY_TOKENS, is_cancelled)

    def _anchors(self, is_cancelled: Callable[[], bool]) -> tuple[tuple[str, str], ...]:
        replies = self._base.to(ANCHOR_PROMPTS, ANCHOR_REPLY_TOKENS, is_cancelled)
        return tuple(zip(ANCHOR_PROMPTS, replies, strict=True))

    def _practice(self, is_cancelled: Callable[[], bool]) -> tuple[tuple[str, str], ...]:
        replies = self._base.to(PRACTICE_PROMPTS, PRACTICE_REPLY_TOKENS, is_cancelled)
        return tuple(zip(PRACTICE_PROMPTS, replies, strict=True))

    def _tried(self, is_cancelled: Callable[[], bool]) -> tuple[tuple[tuple[str, str], ...], ...]:
        count, rounds = self._config.training.tried_prompts, self._config.training.rounds
        prompts = TRIED_PROMPTS[: count * rounds]
        if not prompts:
            return ()
        replies = self._base.to(prompts, TRIED_REPLY_TOKENS, is_cancelled)
        exchanges = tuple(zip(prompts, replies, strict=True))
        return tuple(exchanges[i : i + count] for i in range(0, len(exchanges), count))

    def _kept(self, plan: Plan, is_cancelled: Callable[[], bool]) -> tuple[tuple[str, str], ...]:
        """What a fit holds on to. Not the anchors: drift is measured on what no fit has seen."""
        has_dislikes = any(each.kind is ExampleKind.UNDESIRABLE for each in plan.dataset.examples)
        return self._practice(is_cancelled) if plan.start or has_dislikes else ()

    def _job(
        self,
        plan: Plan,
        rules: Sequence[Rule],
        active: AdapterVersion | None,
        incumbent: Path | None,
        anchors: tuple[tuple[str, str], ...],
        is_cancelled: Callable[[], bool],
    ) -> Job:
        config = self._config
        is_tried = bool(rules) and plan.start is None
        known = active.example_ids if active is not None and incumbent is not None else ()
        return Job(
            base_path=config.base_path,
            base_model=config.base_model,
            base_revision=config.base_revision,
            device=config.device,
            dtype=config.dtype,
            threads=config.threads,
            lora=config.lora,
            training=plan.training,
            memory=config.memory,
            incumbent=None if incumbent is None else str(incumbent.resolve()),
            incumbent_example_ids=known,
            anchors=anchors,
            max_anchor_kl=config.gate.max_anchor_kl,
            kept=self._kept(plan, is_cancelled),
            tried=self._tried(is_cancelled) if is_tried else (),
            rules=tuple(rules),
            warm_start=plan.start is not None,
        )

    def _end(
        self,
        run: TrainingRun,
        status: RunStatus,
        reason: str,
        dataset: Dataset | None = None,
        fates: Sequence[Fate] = (),
        device_seconds: float = 0.0,
    ) -> None:
        self._runs.finish(
            run.id,
            status,
            reason,
            at=self._clock(),
            dataset_hash=None if dataset is None else dataset.content_hash,
            report={} if dataset is None else {"curation": curation_report(fates)},
            usage={"device_seconds": round(device_seconds, 2)} if device_seconds else {},
        )
