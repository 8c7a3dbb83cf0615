"""Lets the scheduler ask the serving engine: the base, a staged candidate or a version."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from adapters_store.files import AdapterFiles
from adapters_store.records import ServableAdapter
from feedback.records import Memory, Message
from scheduler.evaluation.few_shot_baseline import with_few_shot
from scheduler.queues.turns import Turns
from scheduler.records import MemoryConfig
from scheduler.served_model import Adapter, Prompt, Reply, ScoredToken
from server.background.engine_client import Answer, Request, ask_all
from server.background.instruction_probe import InstructionProbe
from server.engine.interface import Engine
from server.engine.records import SamplingParams

_TOP_P = 0.95
"""Without the unlikeliest tokens: small models ramble."""


_SPARE_TOKENS = 64
"""For what the chat template puts around memory's turns."""


class EngineServedModel:
    """The engine as a `ServedModel`. Methods that ask it raise what `ask_all` raises.

    Several runs take turns, so that together they leave as many rows to users as one.
    """

    def __init__(
        self, engine: Engine, files: AdapterFiles, memory: MemoryConfig, probe: InstructionProbe
    ) -> None:
        self._engine = engine
        self._probe = probe
        self._files = files
        self._memory = memory
        self._turns = Turns()

    def reply(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
    ) -> list[Reply]:
        """Reply to each prompt."""
        requests = [
            Request(
                tuple(self._engine.render(each.messages)),
                SamplingParams(
                    temperature=0.0 if each.seed is None else 1.0,
                    seed=each.seed,
                    max_tokens=each.max_tokens,
                ),
            )
            for each in prompts
        ]
        answers = self._ask(requests, [e.messages for e in prompts], adapter, is_cancelled)
        return [
            Reply(prompt.messages, answer.text, answer.is_truncated)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    def score(
        self,
        replies: Sequence[Reply],
        adapter: Adapter,
        is_cancelled: Callable[[], bool],
        *,
        num_top: int = 0,
    ) -> list[tuple[ScoredToken, ...]]:
        """Score each reply, of at least one token, and its end of turn if it has one."""
        renderer, params = self._engine.renderer, SamplingParams(logprobs=num_top)
        requests = []
        for each in replies:
            ids, text = self._engine.render(each.messages), each.text
            scored = renderer.text_ids(text) if each.is_truncated else renderer.reply_ids(text)
            requests.append(Request(tuple(ids), params, tuple(scored)))
        answers = self._ask(requests, [e.messages for e in replies], adapter, is_cancelled)
        return [
            tuple(ScoredToken(token.token, token.logprob, token.top) for token in each.logprobs)
            for each in answers
        ]

    def continue_lines(
        self, texts: Sequence[str], max_tokens: int, seed: int, is_cancelled: Callable[[], bool]
    ) -> list[str]:
        """Let the base continue each plain text at temperature 1, to the end of its line."""
        renderer, params = self._engine.renderer, SamplingParams(max_tokens=max_tokens)
        requests = [
            Request(
                tuple(renderer.document_ids(text)),
                replace(params, seed=seed + place, top_p=_TOP_P, stop=("\n",)),
            )
            for place, text in enumerate(texts)
        ]
        with self._turns.take(is_cancelled):
            return [each.text for each in ask_all(self._engine, requests, None, is_cancelled)]

    def fits(self, reply: Reply) -> bool:
        """Whether a reply and its prompt fit into the context beside a full memory."""
        renderer = self._engine.renderer
        length = len(self._engine.render(reply.messages)) + len(renderer.reply_ids(reply.text))
        return length + self._memory.tokens + _SPARE_TOKENS <= self._engine.context_length

    def remember(self, messages: Sequence[Message], memory: Memory) -> tuple[Message, ...]:
        """The messages with what a chat would show of the memory."""
        if memory.notes and not self._probe.follows_instructions():
            memory = replace(memory, notes=())
        return with_few_shot(self._engine.renderer, memory, messages, self._memory)

    def _ask(
        self,
        requests: Sequence[Request],
        conversations: Sequence[Sequence[Message]],
        adapter: Adapter,
        is_cancelled: Callable[[], bool],
    ) -> list[Answer]:
        """Ask all; a start that the conversations share is prefilled once, so that all reuse it."""
        served = self._servable(adapter)
        with self._turns.take(is_cancelled):
            if _share_their_start(conversations):
                first = Request(requests[0].prompt_ids, SamplingParams(temperature=0, max_tokens=1))
                ask_all(self._engine, [first], served, is_cancelled)
            return ask_all(self._engine, requests, served, is_cancelled)

    def _servable(self, adapter: Adapter) -> ServableAdapter | None:
        return self._files.staged(adapter) if isinstance(adapter, Path) else adapter


def _share_their_start(conversations: Sequence[Sequence[Message]]) -> bool:
    """Whether the first two begin with the same turn, as they do with the same memory."""
    if len(conversations) < 2:
        return False
    one, other = conversations[:2]
    return len(one) > 1 and one[0] == other[0]
