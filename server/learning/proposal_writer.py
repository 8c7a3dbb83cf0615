"""Writes a user's proposals: the base invents instructions, the user's own model answers them."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from adapters_store.records import BASE, AdapterVersion
from feedback.filters.records import accepted
from feedback.filters.run import filter_examples
from feedback.proposals.allocation import allocate, task_type_shares
from feedback.proposals.filters import KnownTexts, Unusable, instruction_fault, reply_fault
from feedback.proposals.records import MAX_OPEN, Proposal, ProposalStatus
from feedback.proposals.self_instruct import (
    EXAMPLES,
    continuation_prompt,
    parse_instructions,
    seed_instructions,
)
from feedback.records import Message
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule, rewrite
from feedback.rules.user_rules import RuleStatus
from feedback.task_types import TaskType, task_type_of
from feedback.text.tokens import words
from feedback.text.truncation import strip_truncated_sentence
from scheduler.version_report import overridden_rules
from server.background.engine_client import Answer, RequestCancelledError, ask
from server.background.proposal_jobs import ProposalJob
from server.chat.memory import add_memory, learned_by
from server.chat.turn import serving_version
from server.engine.records import SamplingParams
from server.errors import CannotProposeError
from server.learning.curation_view import ASKED_LATELY
from server.services import Services

_CALLER = "proposals"
_TRIES = 6  # instructions written for one that is wanted, at most; they are short
_INVENTING = SamplingParams(temperature=0.7, top_p=0.95, max_tokens=64, stop=("\n",))
# As the chat page asks: small models ramble when sampled hot.
_REPLYING = SamplingParams(temperature=0.4, top_p=0.9, max_tokens=256)


@dataclass(frozen=True, slots=True)
class ProposalPlan:
    """What is to be proposed to a user: how many of each kind, by which examples and rules."""

    user_id: str
    numbers: dict[TaskType, int]
    seeds: dict[TaskType, tuple[str, ...]]
    rules: tuple[Rule, ...]

    @property
    def wanted(self) -> int:
        """How many proposals of all kinds."""
        return sum(self.numbers.values())


def make_plan(services: Services, user_id: str, count: int, kind: TaskType | None) -> ProposalPlan:
    """Decide what to propose: at most `count`, of one kind or of those that need it.

    Raises `CannotProposeError` with what to do about it, and `RulesNotReadyError`.
    """
    log = services.stores.log
    room = MAX_OPEN - services.stores.proposals.counts(user_id)[ProposalStatus.PROPOSED]
    if room <= 0:
        raise CannotProposeError(f"{MAX_OPEN} proposals wait for you: approve or drop some first.")
    turns, judged = log.turns_with_feedback(user_id)
    results = filter_examples(turns + log.regenerated(user_id), judged, log.approved(user_id))
    if not judged or not results:
        raise CannotProposeError(
            "Nothing is known of what you want yet: judge a few replies first."
        )
    asked = log.last_turns(user_id, ASKED_LATELY)
    criticised = {
        each.completion_id for each in judged if each.value == -1 or each.correction is not None
    }
    shares = task_type_shares(
        taught=_last(each.prompt for each in accepted(results)),
        asked=_last(turn.messages for turn in asked),
        criticised=_last(turn.messages for turn in turns if turn.id in criticised),
    )
    own = seed_instructions(turn.messages for turn in (*turns, *asked))
    numbers = allocate({kind: 1.0} if kind else shares, own.keys(), min(count, room))
    if not numbers:
        asks = f"asks for {kind.value}" if kind else "can be an example"
        message = f"No message of yours {asks}: examples open a chat, in one or two sentences."
        raise CannotProposeError(message)
    rules = (each for each in services.rules.of(user_id) if each.status is not RuleStatus.DROPPED)
    return ProposalPlan(user_id, numbers, own, tuple(each.rule for each in rules))


def write_proposals(services: Services, plan: ProposalPlan, job: ProposalJob) -> None:
    """Write what is planned, as far as it can be; blocks. Kept are proposals as they come.

    Raises `RequestCancelledError`, and what the engine raises.
    """
    asyncio.run(_Writer(services, plan, job).write())


class _Writer:
    def __init__(self, services: Services, plan: ProposalPlan, job: ProposalJob) -> None:
        self._services = services
        self._engine = services.runtime.engine
        self._plan = plan
        self._job = job
        self._rows = max(1, self._engine.config.max_batch_size // 2)  # the rest is for users
        self._random = random.Random(job.generation.requested_at)
        self._missing = Counter(plan.numbers)
        turns, _ = services.stores.log.turns_with_feedback(plan.user_id)
        earlier = services.stores.proposals.all_of(plan.user_id)
        own = (text for texts in plan.seeds.values() for text in texts)
        prompts = _last(turn.messages for turn in turns)
        self._instructions = KnownTexts({*prompts, *own, *(each.instruction for each in earlier)})
        self._replies = KnownTexts({each.reply for each in earlier})

    async def write(self) -> None:
        tries = _TRIES * self._plan.wanted
        while self._missing and tries:
            number = min(2 * self._missing.total(), tries, self._rows)
            tries -= number
            new = await self._invent(number)
            self._keep(await asyncio.gather(*map(self._proposal, new)))

    async def _invent(self, number: int) -> list[str]:
        """Of that many new instructions those that are fit, at most as many as are missing."""
        kinds = self._random.choices([*self._missing], [*self._missing.values()], k=number)
        wanted, unfit, fit = Counter(self._missing), Counter[str](), []
        for answer in await asyncio.gather(*map(self._continue, kinds)):
            text = parse_instructions(answer.text)
            # Shown explanations, a small base asks for facts, too: fine where those are wanted.
            fault = Unusable.CUT_OFF if answer.is_truncated else None
            fault = fault or instruction_fault(text, +wanted, self._instructions)
            if fault is None:
                self._instructions.add(text)
                wanted[task_type_of(text)] -= 1
                fit.append(text)
            else:
                unfit[fault] += 1
        self._job.note(written=number, unfit=unfit)
        return fit

    async def _continue(self, kind: TaskType) -> Answer:
        own = self._plan.seeds[kind]
        examples = self._random.sample(own, min(EXAMPLES, len(own)))
        ids = self._prompt(examples)
        while len(ids) > self._engine.context_length // 2 and len(examples) > 1:
            examples.pop()
            ids = self._prompt(examples)
        return await self._ask(ids, _INVENTING, None)

    def _prompt(self, examples: Sequence[str]) -> list[int]:
        return self._engine.base.renderer.document_ids(continuation_prompt(examples))

    async def _proposal(self, instruction: str) -> Proposal:
        """Reply as in a chat of the user's: by the version in use, with memory, under the rules."""
        user_id, version = self._plan.user_id, serving_version(self._services, self._plan.user_id)
        turns = (Message("user", instruction),)
        ids = tuple(self._engine.render(turns))
        if overridden_rules(version, instruction):
            version = None
        else:
            ids, _ = add_memory(
                self._services,
                user_id,
                turns,
                ids,
                learned=learned_by(version),
                reply_tokens=_REPLYING.max_tokens,
                render=self._engine.render,
            )
        answer = await self._ask(ids, _REPLYING, version)
        whole = answer.text.strip()
        written = strip_truncated_sentence(whole) if answer.is_truncated else whole
        aside = overridden(self._plan.rules, instruction)
        allowed = [each for each in self._plan.rules if each not in aside]
        reply, rules = _ruled(allowed, written)
        return Proposal(
            id=f"proposal-{uuid.uuid4().hex}",
            user_id=user_id,
            kind=task_type_of(instruction),
            instruction=instruction,
            reply=reply,
            proposed=reply,
            written=written,
            is_truncated=answer.is_truncated,
            rules=rules,
            adapter=version.label if version else BASE,
            created_at=time.time(),
        )

    async def _ask(
        self, ids: Sequence[int], params: SamplingParams, adapter: AdapterVersion | None
    ) -> Answer:
        return await ask(
            self._engine,
            ids,
            replace(params, seed=self._random.getrandbits(32)),
            adapter,
            caller=_CALLER,
            is_cancelled=self._job.is_cancelled,
        )

    def _keep(self, written: Sequence[Proposal]) -> None:
        unfit, fit = Counter[str](), []
        for each in written:
            fault = reply_fault(each.instruction, each.reply, self._replies)
            if fault is None:
                self._replies.add(each.reply)
                fit.append(each)
            else:
                unfit[fault] += 1
        # Whoever erases a user cancels the job in the same transaction: nothing comes after it.
        with self._services.stores.database.atomic():
            if self._job.is_cancelled():
                raise RequestCancelledError("This is not wanted any more.")
            self._services.stores.proposals.add(fit)
        self._missing = +(self._missing - Counter(each.kind for each in fit))
        self._job.note(proposed=len(fit), unfit=unfit)


def _ruled(rules: Sequence[Rule], reply: str) -> tuple[str, tuple[str, ...]]:
    """The reply under the rules that can be applied to it, and those that changed it."""
    changed = rewrite(rules, reply)
    if set(words(reply)).isdisjoint(words(changed)):
        return reply, ()
    changing = (rule for rule in rules if rule.holds(changed) and not rule.holds(reply))
    return changed, tuple(rule.sentence for rule in changing)


def _last(conversations: Iterable[Sequence[Message]]) -> Iterator[str]:
    return (turns[-1].content for turns in conversations if turns)
