"""Lets a candidate reply as it will be served, and the gate judge what it says."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from feedback.examples.synthetic import wanted_replies
from feedback.memory.from_examples import demonstrated, few_shot_memory
from feedback.memory.preference_model import PreferenceModel
from feedback.memory.rule_notes import rule_notes, rules_of
from feedback.records import ORGANISATION, Dataset, Memory
from feedback.rules.rule import Rule
from scheduler.augmentation.prompts import (
    PROBE_REPLY_TOKENS,
    REFERENCE_PROMPTS,
    REFERENCE_REPLY_TOKENS,
)
from scheduler.augmentation.reference_replies import Exchanges, ReferenceReplies
from scheduler.evaluation.degeneration import Ngram, share_of_faulty, shared_sequences
from scheduler.evaluation.fit_measures import WINS, fit_measures
from scheduler.evaluation.gate import judge, unusable
from scheduler.evaluation.reply_measures import (
    MIN_KEPT,
    Counts,
    degeneration,
    plain_questions,
    preferred,
)
from scheduler.evaluation.rule_compliance import correct_rollouts
from scheduler.evaluation.teacher_measures import TaughtReplies, teacher_measures
from scheduler.fit.lessons import TeacherReply
from scheduler.measure import Measure
from scheduler.records import (
    Evaluation,
    Outcome,
    PipelineConfig,
    ReplySample,
    Verdict,
    is_as_compliant_alone,
)
from scheduler.retrain.warm_start import FitPlan
from scheduler.served_model import Adapter, Prompt, Reply, ServedModel, mean_log_prob, user_prompt
from scheduler.teaching.teacher import REPLY_TOKENS, Teacher
from scheduler.trainer.job import JobResult

IsCancelled = Callable[[], bool]

NUM_SAMPLES = 4
"""Replies side by side in a version's report."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fit's result with all that was measured, the verdict, and a few replies to look at."""

    result: JobResult
    verdict: Verdict
    samples: tuple[ReplySample, ...] = ()


class Judge:
    """Judges trained candidates. `verify` raises `AdapterInvalidError` for an unusable folder.

    Both methods also raise what the `ServedModel` raises.
    """

    def __init__(
        self,
        model: ServedModel,
        references: ReferenceReplies,
        teacher: Teacher,
        verify: Callable[[Path], None],
        config: PipelineConfig,
    ) -> None:
        self._model = model
        self._references = references
        self._teacher = teacher
        self._verify = verify
        self._config = config

    def judge_fit(
        self,
        result: JobResult,
        plan: FitPlan,
        rules: Sequence[Rule],
        is_cancelled: IsCancelled,
        prefers: PreferenceModel | None = None,
    ) -> Judgement:
        """Judge a candidate that learned examples: its losses, then its replies.

        What a preference model taught must be seen in the replies.
        """
        bounds, evaluation = self._config.gate, result.evaluation
        if verdict := unusable(evaluation):
            return Judgement(result, verdict)
        verdict = judge(fit_measures(evaluation, bounds, len(REFERENCE_PROMPTS)))
        if verdict.outcome is Outcome.REFUSED:
            return Judgement(result, verdict)
        self._verify(result.adapter)
        asked = [user_prompt(each, REFERENCE_REPLY_TOKENS) for each in REFERENCE_PROMPTS]
        candidate = self._replies(asked, result.adapter, is_cancelled)
        exchanges = self._references.reference(is_cancelled)
        base = [reply for _, reply in exchanges]
        wanted = wanted_replies(plan.dataset.user_id, rules, exchanges)
        usual = shared_sequences([reply for _, reply in wanted])
        faulty = Counts(
            share_of_faulty(REFERENCE_PROMPTS, base),
            share_of_faulty(REFERENCE_PROMPTS, candidate, usual),
        )
        evaluation = self._with_few_shot_compliance(
            evaluation, result.adapter, plan, rules, is_cancelled
        )
        measures = fit_measures(evaluation, bounds, len(REFERENCE_PROMPTS))
        verdict = judge(
            (
                *_gain(measures, prefers, base, candidate),
                *self._plain_answers(evaluation, result.adapter, plan, rules, is_cancelled),
                degeneration(faulty, len(base), bounds),
            )
        )
        rows = zip(REFERENCE_PROMPTS, base, candidate, strict=True)
        samples = (ReplySample(prompt, old, None, new) for prompt, old, new in rows)
        judged = replace(result, evaluation=evaluation)
        return Judgement(judged, verdict, tuple(islice(samples, NUM_SAMPLES)))

    def judge_distilled(
        self,
        result: JobResult,
        dataset: Dataset,
        unseen: Sequence[TeacherReply],
        is_cancelled: IsCancelled,
    ) -> Judgement:
        """Judge a candidate that learned from the user's demonstrations.

        `unseen` are the teacher's replies to unseen prompts. With memory it is asked after another
        exchange, as it will answer: in the first turn memory is the teacher itself.
        """
        if verdict := unusable(result.evaluation):
            return Judgement(result, verdict)
        self._verify(result.adapter)
        adapter, memory = result.adapter, few_shot_memory(dataset.train)
        asked = [Prompt(each.messages, REPLY_TOKENS) for each in unseen]
        later = [Prompt(each.later, REPLY_TOKENS) for each in unseen]
        own, beside = (self._model.reply(each, adapter, is_cancelled) for each in (asked, later))
        plain = self._model.reply(asked, None, is_cancelled)
        shown = [Prompt(each.shown, REPLY_TOKENS, self._config.training.seed) for each in unseen]
        drawn = self._model.reply(shown, None, is_cancelled)
        surprise = self._surprise(unseen, drawn, is_cancelled)
        usual = shared_sequences([each.text for each in unseen])
        bounds = self._config.gate
        faulty = Counts(
            _faulty(plain),
            _faulty(own, usual),
            _faulty([Reply(each.messages, each.text) for each in unseen]),
            _faulty(beside, usual),
        )
        replies = TaughtReplies(
            num_left_out=len(demonstrated(dataset.held_out)),
            left_out=self._left_out(dataset, memory, adapter, is_cancelled),
            num_replies=len(unseen),
            surprise=(
                self._surprise(unseen, own, is_cancelled) - surprise,
                self._surprise(unseen, beside, is_cancelled) - surprise,
            ),
        )
        verdict = judge(
            (
                *teacher_measures(result.evaluation, replies),
                *self._plain_questions(memory, adapter, is_cancelled),
                degeneration(faulty, 2 * len(unseen), bounds),
            )
        )
        samples = tuple(
            ReplySample(each.messages[-1].content, base.text, each.text, new.text)
            for each, base, new in zip(unseen, plain, beside, strict=True)
        )
        held_out = self._held_out_samples(dataset, memory, adapter, is_cancelled)
        return Judgement(result, verdict, (*held_out, *samples)[:NUM_SAMPLES])

    def _plain_answers(
        self,
        evaluation: Evaluation,
        candidate: Path,
        plan: FitPlan,
        rules: Sequence[Rule],
        is_cancelled: IsCancelled,
    ) -> tuple[Measure, ...]:
        """What it still knows by itself, and as it would be served, where memory is an option."""
        by_base = self._teacher.answered_by_base(is_cancelled)
        alone = self._teacher.answered(Memory(), candidate, is_cancelled)
        own = plain_questions(by_base, alone, min_kept=MIN_KEPT if rules else None)
        memory = _memory_beside(plan, rules)
        if not memory.demonstrations:
            return (own,)
        by_memory = self._teacher.answered(memory, None, is_cancelled)
        answered, where = alone, "In place of memory"
        if not is_as_compliant_alone(evaluation.compliance, evaluation.compliance_with_few_shot):
            answered = self._teacher.answered(memory, candidate, is_cancelled)
            where = "Beside memory"
        by_few_shot = evaluation.base_compliance_with_few_shot or 0
        more = evaluation.compliance_as_served - by_few_shot
        gained = max(0, more) / max(1, evaluation.num_probes)
        return own, plain_questions(by_memory, answered, where=where, compliance_gained=gained)

    def _plain_questions(
        self, memory: Memory, adapter: Adapter, is_cancelled: IsCancelled
    ) -> tuple[Measure, ...]:
        after = self._teacher.earlier_exchange(is_cancelled)

        def later(by: Adapter) -> tuple[bool, ...]:
            return self._teacher.answered(memory, by, is_cancelled, after=after)

        by_base = self._teacher.answered_by_base(is_cancelled)
        alone = self._teacher.answered(Memory(), adapter, is_cancelled)
        return (
            plain_questions(by_base, alone, min_kept=MIN_KEPT),
            plain_questions(later(None), later(adapter), where="After another exchange"),
        )

    def _held_out_samples(
        self, dataset: Dataset, memory: Memory, adapter: Adapter, is_cancelled: IsCancelled
    ) -> tuple[ReplySample, ...]:
        """Replies where the user wrote what neither memory nor the weights have seen."""
        examples = demonstrated(dataset.held_out)[: NUM_SAMPLES // 2]
        after = self._teacher.earlier_exchange(is_cancelled)
        shown = [
            Prompt(self._teacher.shown(each.messages, memory, after), REPLY_TOKENS)
            for each in examples
        ]
        by_memory = self._replies(shown, None, is_cancelled)
        by_candidate = self._replies(shown, adapter, is_cancelled)
        return tuple(
            ReplySample(
                each.messages[-1].content, each.revised_from or each.chosen, old, new, each.id
            )
            for each, old, new in zip(examples, by_memory, by_candidate, strict=True)
        )

    def _surprise(
        self, unseen: Sequence[TeacherReply], replies: Sequence[Reply], is_cancelled: IsCancelled
    ) -> float:
        """How unlikely replies to the unseen prompts are for the teacher, in nats per token."""
        as_taught = [
            replace(reply, messages=each.shown) for each, reply in zip(unseen, replies, strict=True)
        ]
        scored = self._model.score(as_taught, None, is_cancelled)
        return -sum(map(mean_log_prob, scored)) / max(1, len(scored))

    def _left_out(
        self, dataset: Dataset, memory: Memory, adapter: Adapter, is_cancelled: IsCancelled
    ) -> Counts | None:
        texts = demonstrated(dataset.held_out)
        if not texts:
            return None

        def mean(shown: Memory, by: Adapter, after: tuple[str, str] | None = None) -> float:
            found = self._teacher.left_out_log_probs(texts, shown, by, is_cancelled, after=after)
            return sum(found) / len(found)

        earlier = self._teacher.earlier_exchange(is_cancelled)
        alone = (mean(Memory(), by) for by in (None, adapter))
        later = (mean(memory, by, earlier) for by in (None, adapter))
        return Counts(*alone, *later)

    def _with_few_shot_compliance(
        self,
        evaluation: Evaluation,
        candidate: Path,
        plan: FitPlan,
        rules: Sequence[Rule],
        is_cancelled: IsCancelled,
    ) -> Evaluation:
        """Add how many probe replies follow the rules with few-shot examples in the prompt."""
        memory = _memory_beside(plan, rules)
        if not evaluation.num_probes or not memory.demonstrations:
            return evaluation
        probes = self._references.probes(self._config.training, is_cancelled)
        exchanges: Exchanges = probes[evaluation.probe_round]
        prompts = [user_prompt(prompt, PROBE_REPLY_TOKENS) for prompt, _ in exchanges]
        shown = [
            replace(each, messages=self._model.remember(each.messages, memory)) for each in prompts
        ]

        def compliance(adapter: Path | None) -> int:
            replies = self._replies(shown, adapter, is_cancelled)
            return sum(correct_rollouts(rules, plan.dataset.user_id, exchanges, replies).follows)

        return replace(
            evaluation,
            compliance_with_few_shot=compliance(candidate),
            base_compliance_with_few_shot=compliance(None),
        )

    def _replies(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: IsCancelled
    ) -> list[str]:
        return [each.text for each in self._model.reply(prompts, adapter, is_cancelled)]


def _memory_beside(plan: FitPlan, rules: Sequence[Rule]) -> Memory:
    """The memory that a version would answer with. The organisation's has none."""
    if plan.dataset.user_id == ORGANISATION:
        return Memory()
    memory = few_shot_memory(plan.dataset.examples)
    said = [rule for rule in rules_of(memory.demonstrations) if rule in rules]
    return replace(memory, notes=rule_notes(said))


def _gain(
    measures: Sequence[Measure],
    prefers: PreferenceModel | None,
    base: Sequence[str],
    candidate: Sequence[str],
) -> tuple[Measure, ...]:
    """The measures; for a preference model what it says of the replies, and no held-out wins."""
    if prefers is None:
        return tuple(measures)
    found = preferred([prefers(each) for each in base], [prefers(each) for each in candidate])
    return found, *(each for each in measures if each.name != WINS)


def _faulty(replies: Sequence[Reply], usual: Collection[Ngram] = ()) -> float:
    prompts = [each.messages[-1].content for each in replies]
    return share_of_faulty(prompts, [each.text for each in replies], usual)
