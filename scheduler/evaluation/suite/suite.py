"""The whole suite: asks the base and an adapter the same prompts, and compares the replies."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from adapters_store.durable import write_json
from adapters_store.records import AdapterVersion
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule
from scheduler.evaluation.suite import (
    abstention,
    completion,
    degeneration,
    diversity,
    instruction_following,
    rule_overrides,
    truthfulness,
)
from scheduler.evaluation.suite.records import (
    AnswerChoice,
    Answers,
    Question,
    SuiteConfig,
    SuitePrompt,
    SuiteReply,
    SuiteStatus,
)
from scheduler.measure import Measure, failed_sentences
from scheduler.records import Progress
from scheduler.served_model import ServedModel, mean_log_prob

ASKED_AT_ONCE = 24
"""Prompts between two calls of `give_way`."""

PROMPTS = (
    *(each.prompt for each in instruction_following.INSTRUCTIONS),
    *abstention.PROMPTS,
    *(each.prompt for each in rule_overrides.OVERRIDES),
    *completion.PROMPTS,
    *diversity.PROMPTS,
)

_Asked = TypeVar("_Asked")


class Suite:
    """Measures versions of the base `revision`. The base is asked once; `cache` is a folder."""

    def __init__(
        self,
        model: ServedModel,
        *,
        revision: str,
        cache: Path,
        config: SuiteConfig,
        more_questions: Sequence[Question] = (),
    ) -> None:
        self._model = model
        self._config = config
        self._questions = (*truthfulness.QUESTIONS, *more_questions)
        self._choices = tuple(choice for each in self._questions for choice in each.choices)
        # Other prompts need another cache.
        asked = [[asdict(each) for each in PROMPTS], [asdict(each) for each in self._choices]]
        name = sha256(json.dumps(asked).encode()).hexdigest()
        self._cache = cache / f"suite-{revision[:16]}-{name[:16]}.json"

    def run(
        self,
        version: AdapterVersion,
        rules: Sequence[Rule],
        *,
        on_progress: Callable[[Progress], None],
        give_way: Callable[[], None],
        is_cancelled: Callable[[], bool],
    ) -> tuple[Measure, ...]:
        """Measure a version that was taught these rules.

        The base answers prompts that override a rule, as it does in chats. `give_way` is called
        every few seconds and may wait. Raises what the `ServedModel` raises.
        """
        asked = [each for each in PROMPTS if not overridden(rules, each.text)]

        def steps(phase: str, prompts: Sequence[SuitePrompt]) -> Callable[[int], None]:
            total = len(prompts) + len(self._choices)

            def step(done: int) -> None:
                on_progress(Progress(phase, done / total, done, total))
                give_way()

            return step

        base = self.base_answers(steps("asking the base model", PROMPTS), is_cancelled)
        own = self._ask(version, asked, steps("asking the adapter", asked), is_cancelled)
        adapter = replace(own, replies={**base.replies, **own.replies})
        return self._compare(base, adapter, rules)

    def base_answers(
        self, on_done: Callable[[int], None], is_cancelled: Callable[[], bool]
    ) -> Answers:
        """The base's answers; `on_done` is told how many are done. Raises as `run` does."""
        cached = self._read_cache()
        return cached or self._write_cache(self._ask(None, PROMPTS, on_done, is_cancelled))

    def _compare(
        self, base: Answers, adapter: Answers, rules: Sequence[Rule]
    ) -> tuple[Measure, ...]:
        config = self._config
        measures = (
            instruction_following.measure(base, adapter, config),
            truthfulness.measure(base, adapter, self._questions, config),
            abstention.measure(base, adapter, config),
            rule_overrides.measure(base, adapter, rules, config),
            completion.measure_finish(base, adapter, rules, config),
            completion.measure_length(base, adapter, rules, config),
            diversity.measure(base, adapter, rules, config),
            *degeneration.measures(base, adapter, rules, config),
        )
        return tuple(each for each in measures if each is not None)

    def _ask(
        self,
        adapter: AdapterVersion | None,
        prompts: Sequence[SuitePrompt],
        on_done: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> Answers:
        done = 0

        def in_parts(things: Sequence[_Asked]) -> Iterator[Sequence[_Asked]]:
            nonlocal done
            for start in range(0, len(things), ASKED_AT_ONCE):
                on_done(done)
                yield (some := things[start : start + ASKED_AT_ONCE])
                done += len(some)

        replies: dict[SuitePrompt, SuiteReply] = {}
        for part in in_parts(prompts):
            said = self._model.reply([each.as_prompt for each in part], adapter, is_cancelled)
            found = (SuiteReply(each.text, each.is_truncated) for each in said)
            replies |= zip(part, found, strict=True)
        likelihoods: dict[AnswerChoice, float] = {}
        for some in in_parts(self._choices):
            scored = self._model.score([each.as_reply for each in some], adapter, is_cancelled)
            likelihoods |= zip(some, map(mean_log_prob, scored), strict=True)
        return Answers(replies, likelihoods)

    def _read_cache(self) -> Answers | None:
        if not self._cache.exists():
            return None
        stored = json.loads(self._cache.read_text(encoding="utf-8"))
        replies = (SuiteReply(**each) for each in stored["replies"])
        return Answers(
            replies=dict(zip(PROMPTS, replies, strict=True)),
            likelihoods=dict(zip(self._choices, stored["likelihoods"], strict=True)),
        )

    def _write_cache(self, answers: Answers) -> Answers:
        stored = {
            "replies": [asdict(answers.replies[each]) for each in PROMPTS],
            "likelihoods": [answers.likelihoods[each] for each in self._choices],
        }
        write_json(self._cache, stored)
        return answers


def decide(measures: Sequence[Measure]) -> tuple[SuiteStatus, str]:
    """Whether a version passed, and why."""
    if failed := failed_sentences(measures):
        return SuiteStatus.REFUSED, " ".join(failed)
    return SuiteStatus.PASSED, "No measure is worse than the base model's beyond what is allowed."
