"""Decides what a run trains: who teaches, which examples are learned, and how they are judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adapters_store.records import AdapterVersion
from feedback.examples.dataset import build_dataset, with_splits, without
from feedback.examples.repaired_dislikes import with_repaired_dislikes
from feedback.examples.synthetic import wanted_replies
from feedback.filters.records import FilterResult
from feedback.memory.preference_model import PreferenceModel, fit_preference_model
from feedback.records import (
    ORGANISATION,
    Dataset,
    ExampleKind,
    ExampleSource,
    TrainingExample,
)
from feedback.rules.explained import are_own_words
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learn_rules
from feedback.store.documents import is_of_document
from feedback.store.log import FeedbackLog
from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.augmentation.samples import draw_samples, rated_chats
from scheduler.evaluation.sign_test import p_value
from scheduler.records import PipelineConfig, TeacherChoice, TeacherKind, TrainingRun
from scheduler.retrain.augmenter import Augmenter
from scheduler.retrain.incumbents import Incumbents
from scheduler.retrain.jobs import training_job
from scheduler.retrain.judging import Judge, Judgement
from scheduler.retrain.warm_start import FitPlan, plan_fit, plan_from_scratch
from scheduler.served_model import Reply, ServedModel
from scheduler.teaching.best_of_n import ranked_pairs
from scheduler.teaching.evidence import may_teach
from scheduler.teaching.teacher import Teacher
from scheduler.trainer.job import JobResult, TrainingJob

BY_RULES = TeacherChoice(
    TeacherKind.RULES, "Rules make most of what the user wrote from the base's replies."
)
"""Ratings show no other words, so they are learned with rules, too."""


BY_MANY = TeacherChoice(
    TeacherKind.RULES, "It learns what those who share wrote or liked, and answers from documents."
)


@dataclass(frozen=True, slots=True)
class Task:
    """One run, with the filters' results and the version that was in use when it began.

    `on_phase` is told what the run does, and what share of it is done.
    """

    run: TrainingRun
    filtered: tuple[FilterResult, ...]
    active: AdapterVersion | None
    is_cancelled: Callable[[], bool]
    on_phase: Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """A fit: its job, and how its result is judged.

    `dataset` is all that there was to learn; `plan.dataset` is what is taught, as it is worded.
    `remarks` are sentences about how examples were changed.
    """

    dataset: Dataset
    plan: FitPlan
    job: TrainingJob
    judge: Callable[[JobResult], Judgement]
    teacher: TeacherChoice
    rules: tuple[Rule, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NothingToTrain:
    """Why a run trains nothing. With `returns_to_base`, the version in use learned what is gone."""

    dataset: Dataset
    reason: str
    teacher: TeacherChoice | None = None
    returns_to_base: bool = False


class Planner:
    """Plans runs. `plan` raises what the `ServedModel` raises."""

    def __init__(
        self,
        *,
        log: FeedbackLog,
        model: ServedModel,
        references: ReferenceReplies,
        teacher: Teacher,
        judge: Judge,
        incumbents: Incumbents,
        config: PipelineConfig,
    ) -> None:
        self._log = log
        self._model = model
        self._references = references
        self._augmenter = Augmenter(references, config.training)
        self._teacher = teacher
        self._judge = judge
        self._incumbents = incumbents
        self._config = config

    def plan(self, task: Task, dataset: Dataset) -> Planned | NothingToTrain:
        """Plan the fit of a dataset."""
        if dataset.user_id == ORGANISATION:  # no prompt shows what it learned
            return self._by_rules(task, dataset, self._rules(dataset), BY_MANY)
        if not are_own_words(dataset.examples):
            return self._by_rules_or_ratings(task, dataset)
        too_long = {e.id for e in dataset.examples if not self._model.fits(_reply_of(e))}
        short = without(dataset, too_long)
        if old := self._incumbents.nothing_new(task.run.user_id, task.active, short):
            return NothingToTrain(short, old)
        task.on_phase("choosing the teacher", 0.0)
        is_allowed, sentence = may_teach(self._teacher.evidence(short.examples, task.is_cancelled))
        if is_allowed:
            return self._by_demonstrations(task, short, sentence)
        return self._the_rest(task, dataset, TeacherChoice(TeacherKind.NONE, sentence))

    def _the_rest(
        self, task: Task, dataset: Dataset, choice: TeacherChoice
    ) -> Planned | NothingToTrain:
        """Leave the corrections to memory, and learn what else there is."""
        corrections = {e.id for e in dataset.examples if e.source is ExampleSource.CORRECTION}
        rest, active = without(dataset, corrections), task.active
        has_withdrawn = active and not corrections.issuperset(active.example_ids)
        rules = self._rules(rest)
        if has_withdrawn or _can_teach(rest, rules):
            return self._by_rules(task, rest, rules, choice)
        reason = f"Memory shows what the user wrote. {choice.sentence}"
        return NothingToTrain(dataset, reason, choice)

    def _by_rules_or_ratings(self, task: Task, dataset: Dataset) -> Planned | NothingToTrain:
        """Learn by rules; if ratings show none, by a preference model of them."""
        rules = self._rules(dataset)
        prefers = None if _can_teach(dataset, rules) else fit_preference_model(dataset.examples)
        if prefers is None:
            return self._by_rules(task, dataset, rules, BY_RULES)
        # Each rating was left out already, to see whether the others tell it.
        whole = build_dataset(dataset.user_id, dataset.examples, held_out_share=0)
        return self._by_preference(task, whole, prefers)

    def _by_rules(
        self, task: Task, dataset: Dataset, rules: Sequence[Rule], choice: TeacherChoice
    ) -> Planned | NothingToTrain:
        """Fit the examples and synthetic ones: the base's own replies, rewritten by the rules."""
        user_id, active, is_cancelled = task.run.user_id, task.active, task.is_cancelled
        dataset = self._augmenter.with_synthetic(dataset, rules, is_cancelled)
        if not _can_teach(dataset, rules):
            still = {each.id for each in dataset.examples}
            has_withdrawn = active is not None and not still.issuperset(active.example_ids)
            reason = _why_nothing_teaches(dataset, task.filtered)
            return NothingToTrain(dataset, reason, returns_to_base=has_withdrawn)
        if old := self._incumbents.nothing_new(user_id, active, dataset):
            return NothingToTrain(dataset, old)
        incumbent = self._incumbents.folder(active)
        plan = plan_fit(dataset, active if incumbent else None, self._config.training)
        repaired, remarks = with_repaired_dislikes(plan.dataset, rules)
        plan = replace(plan, dataset=repaired)
        job = replace(
            training_job(self._config, plan, active, incumbent, self._references, is_cancelled),
            # What the user wants is no drift.
            reference_replies=wanted_replies(
                user_id, rules, self._references.reference(is_cancelled)
            ),
            probes=self._augmenter.probes(plan, rules, is_cancelled),
            rules=tuple(rules),
        )

        def judge(result: JobResult) -> Judgement:
            return self._judge.judge_fit(result, plan, rules, is_cancelled)

        return Planned(dataset, plan, job, judge, choice, tuple(rules), tuple(remarks))

    def _by_preference(
        self, task: Task, dataset: Dataset, prefers: PreferenceModel
    ) -> Planned | NothingToTrain:
        """Learn to prefer those of the base's own replies that the ratings speak for."""
        user_id, is_cancelled = task.run.user_id, task.is_cancelled
        if old := self._incumbents.nothing_new(user_id, task.active, dataset):
            return NothingToTrain(dataset, old)
        task.on_phase("sampling the base's replies", 0.02)
        own = draw_samples(self._model, rated_chats(dataset.examples), is_cancelled)
        pairs = ranked_pairs(user_id, prefers, (*self._references.samples(is_cancelled), *own))
        if not pairs:  # the user rates replies in another language than the samples have
            return self._by_rules(task, dataset, (), BY_RULES)
        plan = self._from_scratch(with_splits(dataset, pairs, ()), "a preference model's choice is")
        # Memory shows liked replies beside it.
        job = replace(self._job(task, plan), scale=self._config.training.distillation_scale)

        def judge(result: JobResult) -> Judgement:
            return self._judge.judge_fit(result, plan, (), is_cancelled, prefers)

        return Planned(dataset, plan, job, judge, _preference_choice(prefers))

    def _by_demonstrations(self, task: Task, dataset: Dataset, evidence: str) -> Planned:
        """Distil what the base says with the user's demonstrations in its prompt."""
        is_cancelled, seed = task.is_cancelled, self._config.training.seed
        task.on_phase("writing what the teacher says", 0.02)
        lessons = self._teacher.lessons(dataset.train, seed, is_cancelled)
        plan = self._from_scratch(dataset, "a teacher's replies are")
        job = replace(self._job(task, plan), lessons=lessons)

        def judge(result: JobResult) -> Judgement:
            return self._judge.judge_distilled(result, dataset, lessons.unseen, is_cancelled)

        choice = TeacherChoice(TeacherKind.DEMONSTRATIONS, evidence)
        return Planned(dataset, plan, job, judge, choice)

    def _from_scratch(self, dataset: Dataset, what: str) -> FitPlan:
        return plan_from_scratch(dataset, self._config.training, f"{what} learned from nothing")

    def _job(self, task: Task, plan: FitPlan) -> TrainingJob:
        return training_job(self._config, plan, None, None, self._references, task.is_cancelled)

    def _rules(self, dataset: Dataset) -> tuple[Rule, ...]:
        """The active rules. Held-out examples stay unseen: no rule is learned from them.

        Answers from documents are facts, and show no form.
        """
        shown = [each for each in dataset.train if not is_of_document(each.conversation_id)]
        return active_rules(learn_rules(shown), self._log.decisions(dataset.user_id))


def _reply_of(example: TrainingExample) -> Reply:
    return Reply(example.messages, example.reply)


def _preference_choice(prefers: PreferenceModel) -> TeacherChoice:
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
