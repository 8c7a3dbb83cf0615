"""Generates replies for the scheduler with the serving engine, by the base or an adapter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from feedback.records import Memory, Message
from scheduler.augmentation.reference_replies import NO_MEMORY
from scheduler.evaluation.few_shot_baseline import with_few_shot
from scheduler.evaluation.suite.records import AnswerChoice, SuitePrompt, SuiteReply
from scheduler.records import MemoryConfig
from server.background.engine_client import Request, ask_all
from server.engine.engine import Engine
from server.engine.records import SamplingParams


class EngineGenerator:
    """Greedy replies through the engine: a `scheduler` `Generator`."""

    def __init__(self, engine: Engine, files: AdapterFiles, memory: MemoryConfig) -> None:
        self._engine = engine
        self._files = files
        self._memory = memory

    def __call__(
        self,
        prompts: Sequence[str],
        adapter: Path | None,
        max_tokens: int,
        is_cancelled: Callable[[], bool],
        memory: Memory = NO_MEMORY,
    ) -> list[str]:
        """Reply to each prompt, with as much memory as a chat would show; blocks.

        Raises what `ask_all` raises.
        """
        staged = self._files.staged(adapter) if adapter else None
        params = SamplingParams(temperature=0, max_tokens=max_tokens)
        renderer = self._engine.base.renderer
        conversations = (
            with_few_shot(renderer, memory, [Message("user", p)], self._memory) for p in prompts
        )
        requests = [Request(tuple(self._engine.render(each)), params) for each in conversations]
        if memory != NO_MEMORY and requests:
            # Most begin with the same demonstrations: prefill them once, so that all reuse them.
            first = replace(requests[0], params=replace(params, max_tokens=1))
            ask_all(self._engine, [first], staged, is_cancelled)
        return [each.text for each in ask_all(self._engine, requests, staged, is_cancelled)]


class EngineModelUnderTest:
    """The suite's `ModelUnderTest`. Both methods block, and raise what `ask_all` raises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def replies(
        self,
        prompts: Sequence[SuitePrompt],
        adapter: AdapterVersion | None,
        is_cancelled: Callable[[], bool],
    ) -> list[SuiteReply]:
        """Reply to each prompt."""
        requests = [
            Request(
                _rendered(self._engine, each.text),
                SamplingParams(
                    temperature=0.0 if each.seed is None else 1.0,
                    seed=each.seed,
                    max_tokens=each.max_tokens,
                ),
            )
            for each in prompts
        ]
        answers = ask_all(self._engine, requests, adapter, is_cancelled)
        return [SuiteReply(each.text, each.is_truncated) for each in answers]

    def likelihoods(
        self,
        choices: Sequence[AnswerChoice],
        adapter: AdapterVersion | None,
        is_cancelled: Callable[[], bool],
    ) -> list[float]:
        """The mean log-probability per token of each answer to its question, in nats."""
        engine = self._engine
        requests = []
        for each in choices:
            ids = tuple(engine.base.renderer.text_ids(each.answer))
            requests.append(Request(_rendered(engine, each.question), scored=ids))
        answers = ask_all(engine, requests, adapter, is_cancelled)
        return [sum(t.logprob for t in each.logprobs) / len(each.logprobs) for each in answers]


def _rendered(engine: Engine, prompt: str) -> tuple[int, ...]:
    return tuple(engine.render([Message("user", prompt)]))
