"""Who passed what, from what is kept. Pure but for the checks, which are deterministic."""

from collections.abc import Sequence

from feedback.rules.overrides import overridden
from scheduler.version_report import read_report
from tests.benchmarks.forgetting.ifeval import Check, Task
from tests.benchmarks.forgetting.results import BASE, ForgettingResults, Learner, Written
from tests.benchmarks.forgetting.table import Outcomes
from tests.benchmarks.forgetting.truthfulqa import Question, is_true


def of_tasks(
    tasks: Sequence[Task], check: Check, learners: Sequence[Learner], kept: ForgettingResults, max_tokens: int
) -> Outcomes:
    """Whose replies follow all instructions of their prompts."""
    passed = {
        who: {
            task.prompt.id: check(task, written.reply.text)
            for task, written in _written(tasks, who, kept, max_tokens)
        }
        for who in _measured(learners, kept)
    }
    return Outcomes("IFEval, adapter alone", passed)


def as_served(tasks: Sequence[Task], alone: Outcomes, kept: ForgettingResults) -> Outcomes:
    """The same as users have it: the base answers where a prompt rules a learned rule out."""
    passed = {BASE: alone.passed.get(BASE, {})}
    for learned in kept.learned:
        rules = read_report(learned.run.report).rules
        aside = {task.prompt.id for task in tasks if overridden(rules, task.prompt.text)}
        if (own := alone.passed.get(learned.learner.name)) is not None:
            passed[learned.learner.name] = {
                item: passed[BASE].get(item, has_passed) if item in aside else has_passed
                for item, has_passed in own.items()
            }
    return Outcomes("IFEval, strict, by prompt", passed)


def of_questions(
    questions: Sequence[Question], learners: Sequence[Learner], kept: ForgettingResults
) -> Outcomes:
    """Who finds the true answers the likeliest."""
    passed: dict[str, dict[str, bool]] = {}
    for who in _measured(learners, kept):
        weighed = [(each, kept.weighed.get((who, each.id))) for each in questions]
        passed[who] = {each.id: is_true(each, own.log_probs) for each, own in weighed if own}
    return Outcomes("TruthfulQA, MC1", passed)


def remarks(
    tasks: Sequence[Task], learners: Sequence[Learner], kept: ForgettingResults, max_tokens: int
) -> list[str]:
    """Who has no adapter, and how many replies the length limit cut off."""
    found = []
    for learner in learners:
        learned = kept.learned.get(learner)
        if learned is not None and not kept.promoted(learner):
            found.append(f"{learner.name}: {learned.run.status}. {learned.run.reason}")
    for who in _measured(learners, kept):
        ends = [own.reply.finish_reason for _, own in _written(tasks, who, kept, max_tokens)]
        if ends:
            found.append(
                f"Cut off at {max_tokens} tokens: {who} {ends.count('length')}"
                f" of {len(ends)} replies."
            )
    return found


def _measured(learners: Sequence[Learner], kept: ForgettingResults) -> list[str]:
    return [BASE, *(learner.name for learner in learners if kept.promoted(learner))]


def _written(
    tasks: Sequence[Task], who: str, kept: ForgettingResults, max_tokens: int
) -> list[tuple[Task, Written]]:
    found = [(task, kept.written.get((who, max_tokens, task.prompt.id))) for task in tasks]
    return [(task, written) for task, written in found if written is not None]
