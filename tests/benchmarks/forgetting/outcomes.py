"""Which items the base and each adapter passed, from the results. Deterministic."""

from collections.abc import Sequence

from feedback.rules.overrides import overridden
from scheduler.version_report import read_report
from tests.benchmarks.forgetting.ifeval import Check, Task
from tests.benchmarks.forgetting.results import BASE, ForgettingResults, Learner, Written
from tests.benchmarks.forgetting.table import Outcomes
from tests.benchmarks.forgetting.truthfulqa import Question, is_true


def of_tasks(
    tasks: Sequence[Task],
    check: Check,
    learners: Sequence[Learner],
    results: ForgettingResults,
    max_tokens: int,
) -> Outcomes:
    """IFEval: whether a reply follows all instructions of its prompt."""
    passed = {
        who: {
            task.prompt.id: check(task, written.reply.text)
            for task, written in _written(tasks, who, results, max_tokens)
        }
        for who in _measured(learners, results)
    }
    return Outcomes("IFEval, adapter alone", passed)


def as_served(tasks: Sequence[Task], alone: Outcomes, results: ForgettingResults) -> Outcomes:
    """The same as served: the base answers prompts that override a learned rule."""
    passed = {BASE: alone.passed.get(BASE, {})}
    for learned in results.learned:
        rules = read_report(learned.run.report).rules
        override = {task.prompt.id for task in tasks if overridden(rules, task.prompt.text)}
        if (own := alone.passed.get(learned.learner.name)) is not None:
            passed[learned.learner.name] = {
                item: passed[BASE].get(item, has_passed) if item in override else has_passed
                for item, has_passed in own.items()
            }
    return Outcomes("IFEval, strict, by prompt", passed)


def of_questions(
    questions: Sequence[Question], learners: Sequence[Learner], results: ForgettingResults
) -> Outcomes:
    """TruthfulQA: whether the true answer has the highest score."""
    passed: dict[str, dict[str, bool]] = {}
    for who in _measured(learners, results):
        scored = [(each, results.scored.get((who, each.id))) for each in questions]
        passed[who] = {each.id: is_true(each, own.log_probs) for each, own in scored if own}
    return Outcomes("TruthfulQA, MC1", passed)


def remarks(
    tasks: Sequence[Task], learners: Sequence[Learner], results: ForgettingResults, max_tokens: int
) -> list[str]:
    """The learners without an adapter, and the number of truncated replies."""
    found = []
    for learner in learners:
        learned = results.learned.get(learner)
        if learned is not None and not results.promoted(learner):
            found.append(f"{learner.name}: {learned.run.status}. {learned.run.reason}")
    for who in _measured(learners, results):
        ends = [own.reply.finish_reason for _, own in _written(tasks, who, results, max_tokens)]
        if ends:
            found.append(
                f"Cut off at {max_tokens} tokens: {who} {ends.count('length')}"
                f" of {len(ends)} replies."
            )
    return found


def _measured(learners: Sequence[Learner], results: ForgettingResults) -> list[str]:
    return [BASE, *(learner.name for learner in learners if results.promoted(learner))]


def _written(
    tasks: Sequence[Task], who: str, results: ForgettingResults, max_tokens: int
) -> list[tuple[Task, Written]]:
    found = [(task, results.written.get((who, max_tokens, task.prompt.id))) for task in tasks]
    return [(task, written) for task, written in found if written is not None]
