"""The whole suite: asks the base and an adapter the same things, and compares what they say."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

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
    Measure,
    Question,
    SuiteConfig,
    SuitePrompt,
    SuiteReply,
    SuiteStatus,
)
from scheduler.records import Progress

ASKED_AT_ONCE = 24
"""Prompts between two looks at whether something else has to come first."""

PROMPTS = (
    *(each.prompt for each in instruction_following.INSTRUCTIONS),
    *abstention.PROMPTS,
    *(each.prompt for each in rule_overrides.OVERRIDES),
    *completion.PROMPTS,
    *diversity.PROMPTS,
)

_Asked = TypeVar("_Asked")
_Answered = TypeVar("_Answered")
_Ask = Callable[[Sequence[_Asked], AdapterVersion | None, Callable[[], bool]], list[_Answered]]


class ModelUnderTest(Protocol):
    """The model that serves, asked by the suite; `EngineSpeaker` is one.

    Both methods take the base where there is no version. They raise `TrainingCancelledError`, and
    `TrainingFailedError` where the model cannot answer.
    """

    def replies(
        self,
        prompts: Sequence[SuitePrompt],
        adapter: AdapterVersion | None,
        is_cancelled: Callable[[], bool],
    ) -> list[SuiteReply]:
        """Reply to each prompt."""

    def likelihoods(
        self,
        choices: Sequence[AnswerChoice],
        adapter: AdapterVersion | None,
        is_cancelled: Callable[[], bool],
    ) -> list[float]:
        """The mean log-probability per token of each answer, behind its question."""


class Suite:
    """Measures versions of one base, which `revision` names.

    What the base says is asked once, and kept in the folder `cache`. `give_way` is called every
    few seconds of work; it may wait.
    """

    def __init__(
        self,
        speaker: ModelUnderTest,
        *,
        revision: str,
        cache: Path,
        config: SuiteConfig,
        more_questions: Sequence[Question] = (),
    ) -> None:
        self._speaker = speaker
        self._config = config
        self._questions = (*truthfulness.QUESTIONS, *more_questions)
        self._choices = tuple(choice for each in self._questions for choice in each.choices)
        # Other prompts have other replies.
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
        """Measure a version that was taught these rules, as users have it.

        The base answers what rules a rule out, as it does in chats. Raises what the `ModelUnderTest`
        raises.
        """
        asked = [each for each in PROMPTS if not overridden(rules, each.text)]

        def steps(phase: str, prompts: Sequence[SuitePrompt]) -> Callable[[int], None]:
            total = len(prompts) + len(self._choices)

            def step(done: int) -> None:
                on_progress(Progress(phase, done / total, done, total))
                give_way()

            return step

        base = self.base_answers(steps("asking the base model", PROMPTS), is_cancelled)
        own = self._said(version, asked, steps("asking the adapter", asked), is_cancelled)
        adapter = replace(own, replies={**base.replies, **own.replies})
        return self._compared(base, adapter, rules)

    def base_answers(
        self, on_done: Callable[[int], None], is_cancelled: Callable[[], bool]
    ) -> Answers:
        """What the base says; `on_done` is told how much of it was asked. Raises as `run` does."""
        return self._kept() or self._keep(self._said(None, PROMPTS, on_done, is_cancelled))

    def _compared(
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

    def _said(
        self,
        adapter: AdapterVersion | None,
        prompts: Sequence[SuitePrompt],
        on_done: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> Answers:
        done = 0

        def asked(ask: _Ask[_Asked, _Answered], things: Sequence[_Asked]) -> list[_Answered]:
            nonlocal done
            answers: list[_Answered] = []
            for start in range(0, len(things), ASKED_AT_ONCE):
                on_done(done)
                some = things[start : start + ASKED_AT_ONCE]
                answers += ask(some, adapter, is_cancelled)
                done += len(some)
            return answers

        replies = asked(self._speaker.replies, prompts)
        likelihoods = asked(self._speaker.likelihoods, self._choices)
        return Answers(
            replies=dict(zip(prompts, replies, strict=True)),
            likelihoods=dict(zip(self._choices, likelihoods, strict=True)),
        )

    def _kept(self) -> Answers | None:
        if not self._cache.exists():
            return None
        kept = json.loads(self._cache.read_text(encoding="utf-8"))
        replies = (SuiteReply(**each) for each in kept["replies"])
        return Answers(
            replies=dict(zip(PROMPTS, replies, strict=True)),
            likelihoods=dict(zip(self._choices, kept["likelihoods"], strict=True)),
        )

    def _keep(self, answers: Answers) -> Answers:
        kept = {
            "replies": [asdict(answers.replies[each]) for each in PROMPTS],
            "likelihoods": [answers.likelihoods[each] for each in self._choices],
        }
        write_json(self._cache, kept)
        return answers


def decide(measures: Sequence[Measure]) -> tuple[SuiteStatus, str]:
    """Whether a version passed, with the reason in sentences."""
    refused = [each.sentence for each in measures if each.is_refused]
    if refused:
        return SuiteStatus.REFUSED, " ".join(refused)
    return SuiteStatus.PASSED, "Nothing is worse than with the base model beyond what is allowed."
