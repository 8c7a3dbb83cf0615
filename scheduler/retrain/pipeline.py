"""Retrains one user: from feedback to a dataset, an adapter, a verdict and the version in use.

Reads top to bottom. Knows no tensors, schedules or processes: a `Trainer` fits, and a `Generator`
lets the served model reply.
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
from adapters_store.trash import KEPT_DAYS
from feedback.examples.dataset import build_dataset, with_synthetic
from feedback.examples.repaired_dislikes import with_repaired_dislikes
from feedback.examples.synthetic import synthetic_examples
from feedback.filters.own_words import OWN_WORDS_WHY
from feedback.filters.records import FilterResult, RejectionReason, accepted
from feedback.filters.run import filter_examples
from feedback.judged_replies import commented_replies
from feedback.records import Dataset, ExampleKind
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learn_rules
from feedback.store.log import FeedbackLog
from feedback.text.repetition import is_repetitive
from scheduler.augmentation.abstention import abstention_examples
from scheduler.augmentation.prompts import (
    PROBE_PROMPTS,
    PROBE_REPLY_TOKENS,
    REFERENCE_PROMPTS,
    REFERENCE_REPLY_TOKENS,
    SYNTHETIC_PROMPTS,
    SYNTHETIC_REPLY_TOKENS,
)
from scheduler.augmentation.reference_replies import Generator, ReferenceReplies
from scheduler.augmentation.revision import MAX_COMMENTS, REPLY_TOKENS, revise
from scheduler.errors import TrainingFailedError
from scheduler.evaluation import gate
from scheduler.evaluation.degeneration import collapsed, echoes_prompt, is_empty, share
from scheduler.evaluation.few_shot_baseline import few_shot_memory
from scheduler.evaluation.rule_compliance import correct_rollouts
from scheduler.records import (
    Evaluation,
    Outcome,
    PipelineConfig,
    Progress,
    RunStatus,
    TrainingRun,
    Verdict,
)
from scheduler.retrain.publication import FinishedFit, Publisher
from scheduler.retrain.warm_start import FitPlan, plan_fit
from scheduler.run_store import RunStore
from scheduler.trainer.job import JobResult, TrainingJob
from scheduler.version_report import VersionReport, curation_report, report_of

_log = logging.getLogger(__name__)

_Exchanges = tuple[tuple[str, str], ...]
"""Prompts, each with the base's reply."""


class Trainer(Protocol):
    """Fits adapters; `scheduler.trainer.worker.ProcessTrainer` does so in a child process."""

    def prepare(self) -> None:
        """Start ahead what the next `run` needs. Harmless if called twice."""

    def run(
        self,
        job: TrainingJob,
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
    """Works the runs of all users, one at a time.

    `follows_instructions` says whether the base obeys instructions in its prompt. `verify` raises
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
        reply: Generator,
        follows_instructions: Callable[[], bool],
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
        self._follows_instructions = follows_instructions
        self._base_replies = ReferenceReplies(
            reply, config.base_revision, Path(config.replies_cache)
        )
        self._publisher = publisher
        self._verify = verify
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

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """Do ahead what every run needs, so that the next run is quicker.

        Raises `TrainingCancelledError`, and `TrainingFailedError` if the base cannot reply.
        """
        self._trainer.prepare()
        self._reference_replies(is_cancelled)
        self._synthetic_exchanges(is_cancelled)
        self._probes(is_cancelled)

    def close(self) -> None:
        """End what `prepare` started."""
        self._trainer.close()

    def run(self, run: TrainingRun, is_cancelled: Callable[[], bool]) -> None:
        """Work a running run to its end and record it.

        After a failure, the version in use stays in use. A cancelled run raises
        `TrainingCancelledError` and is still recorded as running.
        """
        if self._registry.is_frozen(run.user_id):
            return self._end(run, RunStatus.REFUSED, "the adapter is frozen")
        active = self._registry.active(run.user_id)
        filtered = self._filter(run.user_id)
        dataset = build_dataset(run.user_id, accepted(filtered))
        # Held-out examples stay unseen: no rule is learned from them.
        rules = active_rules(learn_rules(dataset.train), self._log.decisions(run.user_id))
        dataset, remarks = self._with_revisions(dataset, rules, is_cancelled)
        dataset = self._with_synthetic(dataset, rules, is_cancelled)
        if not dataset.examples:
            if active is not None and active.example_ids:
                return self._publisher.return_to_base(run, dataset, active, filtered)
            return self._end(run, RunStatus.REFUSED, _why_nothing(filtered), dataset, filtered)
        incumbent = self._incumbent(active)
        if active is not None and incumbent is not None and self._is_same_fit(active, dataset):
            reason = f"nothing new since {active.label}"
            return self._end(run, RunStatus.REFUSED, reason, dataset, filtered)
        for version in self._registry.rolled_back(run.user_id):
            if self._is_compatible(version) and self._is_same_fit(version, dataset):
                reason = f"nothing new since {version.label}, which was rolled back"
                return self._end(run, RunStatus.REFUSED, reason, dataset, filtered)
        self._fit(run, filtered, dataset, rules, active, incumbent, remarks, is_cancelled)

    def _filter(self, user_id: str) -> tuple[FilterResult, ...]:
        interactions, feedback = self._log.turns_with_feedback(user_id)
        regenerated = self._log.regenerated(user_id)
        return filter_examples(interactions + regenerated, feedback, self._log.approved(user_id))

    def _with_revisions(
        self, dataset: Dataset, rules: Sequence[Rule], is_cancelled: Callable[[], bool]
    ) -> tuple[Dataset, tuple[str, ...]]:
        """Add the base's revisions of commented replies, if it follows instructions."""
        comments = commented_replies(
            *self._log.turns_with_feedback(dataset.user_id),
            excluding={each.conversation_id for each in dataset.held_out},
            limit=MAX_COMMENTS,
        )
        if not comments or not self._follows_instructions():
            return dataset, ()
        exchanges, ask = self._synthetic_exchanges(is_cancelled), self._ask_base(is_cancelled)
        revisions, remark = revise(dataset.user_id, comments, rules, exchanges, ask)
        return with_synthetic(dataset, revisions), (remark,)

    def _with_synthetic(
        self, dataset: Dataset, rules: Sequence[Rule], is_cancelled: Callable[[], bool]
    ) -> Dataset:
        """Add synthetic examples and abstentions, unless there is enough to learn without."""
        training = self._config.training
        shown = sum(each.kind is not ExampleKind.UNDESIRABLE for each in dataset.train)
        if not rules or shown > training.warm_start_above:
            return dataset
        user_id, count = dataset.user_id, training.synthetic_examples
        exchanges = self._synthetic_exchanges(is_cancelled) if count else ()
        synthetic = synthetic_examples(user_id, rules, exchanges, count)
        abstentions = abstention_examples(user_id, rules, shown + len(synthetic))
        return with_synthetic(dataset, abstentions + synthetic)

    def _incumbent(self, active: AdapterVersion | None) -> Path | None:
        """The folder of the version in use; None if there is nothing to compare with."""
        if active is None or not self._is_compatible(active):
            return None
        try:
            return self._files.open(active)
        except (AdapterNotFoundError, AdapterInvalidError) as error:
            # A broken version must not keep its user from getting a sound one.
            _log.error("training without the version in use (%s): %s", active.label, error)
            return None

    def _is_compatible(self, version: AdapterVersion) -> bool:
        ours = self._config.base_revision, self._config.lora
        return (version.base_revision, version.lora) == ours

    def _is_same_fit(self, version: AdapterVersion, dataset: Dataset) -> bool:
        # The whole dataset's hash: a fit may be taught fewer examples.
        fit = report_of(version).fit
        learned = (fit.dataset_hash if fit else None) or version.dataset_hash
        return (learned, version.seed) == (dataset.content_hash, self._config.training.seed)

    def _fit(
        self,
        run: TrainingRun,
        filtered: tuple[FilterResult, ...],
        dataset: Dataset,
        rules: Sequence[Rule],
        active: AdapterVersion | None,
        incumbent: Path | None,
        remarks: tuple[str, ...],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Fit a candidate, judge it, then publish or refuse it."""

        def record(progress: Progress) -> None:
            self._runs.progress(run.id, progress)

        staged = self._files.stage()
        try:
            plan = plan_fit(dataset, active if incumbent else None, self._config.training)
            repaired, repair_remarks = with_repaired_dislikes(plan.dataset, rules)
            plan = replace(plan, dataset=repaired)
            references = self._reference_replies(is_cancelled)
            result = self._trainer.run(
                self._job(plan, rules, active, incumbent, references, is_cancelled),
                plan.dataset,
                destination=staged,
                on_progress=record,
                is_cancelled=is_cancelled,
            )
            result = replace(result, rejections=plan.without_learned(result.rejections))
            result, verdict = self._judge(result, plan, rules, references, record, is_cancelled)
            fit = FinishedFit(
                run,
                dataset,
                tuple(rules),
                result,
                verdict,
                active,
                filtered,
                plan,
                remarks + repair_remarks,
            )
            if verdict.outcome is Outcome.REFUSED:
                self._publisher.refuse(fit)
            else:
                self._publisher.publish(fit)
        except TrainingFailedError as error:
            self._end(run, RunStatus.FAILED, str(error), dataset, filtered, error.device_seconds)
        except AdapterInvalidError as error:
            reason = f"the trained adapter is unusable: {error}"
            self._end(run, RunStatus.FAILED, reason, dataset, filtered)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _job(
        self,
        plan: FitPlan,
        rules: Sequence[Rule],
        active: AdapterVersion | None,
        incumbent: Path | None,
        references: _Exchanges,
        is_cancelled: Callable[[], bool],
    ) -> TrainingJob:
        config = self._config
        is_probed = bool(rules) and plan.start is None
        learned = active.example_ids if active is not None and incumbent is not None else ()
        return TrainingJob(
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
            incumbent_example_ids=learned,
            reference_replies=references,
            max_reference_kl=config.gate.max_reference_kl,
            kl_replies=self._kl_replies(plan, is_cancelled),
            probes=self._probes(is_cancelled) if is_probed else (),
            rules=tuple(rules),
            warm_start=plan.start is not None,
            precision=config.precision,
            packed=config.packed,
        )

    def _judge(
        self,
        result: JobResult,
        plan: FitPlan,
        rules: Sequence[Rule],
        references: _Exchanges,
        record: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> tuple[JobResult, Verdict]:
        """Let the gate judge the losses, then the replies of the candidate as it will be served."""
        verdict = gate.judge(result.evaluation, self._config.gate)
        if verdict.outcome is Outcome.REFUSED:
            return result, verdict
        self._verify(result.adapter)
        fitted = result.evaluation
        steps, loss = fitted.steps, fitted.train_loss_after
        record(Progress("testing the candidate's replies", 0.95, steps, steps, loss))
        candidate = self._reply(
            REFERENCE_PROMPTS, result.adapter, REFERENCE_REPLY_TOKENS, is_cancelled
        )
        base = [reply for _, reply in references]
        evaluation = replace(
            fitted,
            repetition_base=share(map(is_repetitive, base)),
            repetition_candidate=share(map(is_repetitive, candidate)),
            collapse_base=share(collapsed(base)),
            collapse_candidate=share(collapsed(candidate)),
            echo_base=share(map(echoes_prompt, REFERENCE_PROMPTS, base)),
            echo_candidate=share(map(echoes_prompt, REFERENCE_PROMPTS, candidate)),
            empty_base=share(map(is_empty, base)),
            empty_candidate=share(map(is_empty, candidate)),
        )
        evaluation = self._with_few_shot_compliance(
            evaluation, result.adapter, plan, rules, is_cancelled
        )
        verdict = gate.judge(evaluation, self._config.gate)
        return replace(result, evaluation=evaluation), verdict

    def _with_few_shot_compliance(
        self,
        evaluation: Evaluation,
        candidate: Path,
        plan: FitPlan,
        rules: Sequence[Rule],
        is_cancelled: Callable[[], bool],
    ) -> Evaluation:
        """Add how many probe replies follow the rules with few-shot examples in the prompt."""
        memory = few_shot_memory(plan.dataset.examples)
        if not evaluation.num_probes or not memory.demonstrations:
            return evaluation
        exchanges = self._probes(is_cancelled)[evaluation.probe_round]
        prompts = [prompt for prompt, _ in exchanges]

        def compliance(adapter: Path | None) -> int:
            replies = self._reply(prompts, adapter, PROBE_REPLY_TOKENS, is_cancelled, memory)
            return sum(correct_rollouts(rules, plan.dataset.user_id, exchanges, replies).follows)

        return replace(
            evaluation,
            compliance_with_few_shot=compliance(candidate),
            base_compliance_with_few_shot=compliance(None),
        )

    def _ask_base(self, is_cancelled: Callable[[], bool]) -> Callable[[Sequence[str]], list[str]]:
        # These prompts hold a user's text: their replies are not cached.
        return lambda prompts: self._reply(prompts, None, REPLY_TOKENS, is_cancelled)

    def _reference_replies(self, is_cancelled: Callable[[], bool]) -> _Exchanges:
        replies = self._base_replies.replies_to(
            REFERENCE_PROMPTS, REFERENCE_REPLY_TOKENS, is_cancelled
        )
        return tuple(zip(REFERENCE_PROMPTS, replies, strict=True))

    def _synthetic_exchanges(self, is_cancelled: Callable[[], bool]) -> _Exchanges:
        replies = self._base_replies.replies_to(
            SYNTHETIC_PROMPTS, SYNTHETIC_REPLY_TOKENS, is_cancelled
        )
        return tuple(zip(SYNTHETIC_PROMPTS, replies, strict=True))

    def _kl_replies(self, plan: FitPlan, is_cancelled: Callable[[], bool]) -> _Exchanges:
        """The replies that a fit stays close to: not those that drift is measured on."""
        has_dislikes = any(each.kind is ExampleKind.UNDESIRABLE for each in plan.dataset.examples)
        return self._synthetic_exchanges(is_cancelled) if plan.start or has_dislikes else ()

    def _probes(self, is_cancelled: Callable[[], bool]) -> tuple[_Exchanges, ...]:
        """The probe prompts of each round."""
        count, rounds = self._config.training.probe_prompts, self._config.training.rounds
        prompts = PROBE_PROMPTS[: count * rounds]
        if not prompts:
            return ()
        replies = self._base_replies.replies_to(prompts, PROBE_REPLY_TOKENS, is_cancelled)
        exchanges = tuple(zip(prompts, replies, strict=True))
        return tuple(exchanges[i : i + count] for i in range(0, len(exchanges), count))

    def _end(
        self,
        run: TrainingRun,
        status: RunStatus,
        reason: str,
        dataset: Dataset | None = None,
        filtered: Sequence[FilterResult] = (),
        device_seconds: float = 0.0,
    ) -> None:
        report = VersionReport(curation=curation_report(filtered) if dataset else None)
        self._runs.finish(
            run.id,
            status,
            reason,
            at=self._clock(),
            dataset_hash=None if dataset is None else dataset.content_hash,
            report=report.to_json(),
            usage={"device_seconds": round(device_seconds, 2)} if device_seconds else {},
        )


def _why_nothing(filtered: Sequence[FilterResult]) -> str:
    """Why a user has no examples to train on."""
    reasons = {each.rejection.reason for each in filtered if each.rejection}
    if reasons == {RejectionReason.OWN_WORDS}:
        return OWN_WORDS_WHY
    return "every example was rejected" if reasons else "nothing to learn from yet"
