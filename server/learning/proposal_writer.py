"""Writes proposals: the base generates instructions, the user's own model replies to them."""

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
from server.background.engine_client import Answer, Request, RequestCancelledError, ask
from server.background.proposal_jobs import ProposalJob
from server.chat.memory import add_memory, learned_by
from server.chat.turn import serving_version
from server.engine.records import SamplingParams
from server.errors import CannotProposeError
from server.learning.curation_view import ASKED_LATELY
from server.services import Services

_CALLER = "proposals"
_MAX_TRIES = 6  # instructions to generate per wanted proposal; they are short
_INSTRUCTION_PARAMS = SamplingParams(temperature=0.7, top_p=0.95, max_tokens=64, stop=("\n",))
# Small models ramble at high temperatures.
_REPLY_PARAMS = SamplingParams(temperature=0.4, top_p=0.9, max_tokens=256)


@dataclass(frozen=True, slots=True)
class ProposalPlan:
    """How many proposals of each task type to write, from which seed instructions and rules."""

    user_id: str
    numbers: dict[TaskType, int]
    seeds: dict[TaskType, tuple[str, ...]]
    rules: tuple[Rule, ...]

    @property
    def wanted(self) -> int:
        """How many proposals in all."""
        return sum(self.numbers.values())


def make_plan(services: Services, user_id: str, count: int, kind: TaskType | None) -> ProposalPlan:
    """Plan at most `count` proposals, of one task type or of those that need examples most.

    Raises `CannotProposeError` with what to do about it, and `RulesNotReadyError`.
    """
    log = services.stores.log
    room = MAX_OPEN - services.stores.proposals.counts(user_id)[ProposalStatus.PROPOSED]
    if room <= 0:
        raise CannotProposeError(f"{MAX_OPEN} proposals wait for you: approve or drop some first.")
    turns, feedback = log.turns_with_feedback(user_id)
    results = filter_examples(turns + log.regenerated(user_id), feedback, log.approved(user_id))
    if not feedback or not results:
        raise CannotProposeError("There is no feedback yet: rate or correct a few replies first.")
    asked = log.last_turns(user_id, ASKED_LATELY)
    criticised = {
        each.completion_id for each in feedback if each.value == -1 or each.correction is not None
    }
    shares = task_type_shares(
        taught=_last(each.messages for each in accepted(results)),
        asked=_last(turn.messages for turn in asked),
        criticised=_last(turn.messages for turn in turns if turn.id in criticised),
    )
    seeds = seed_instructions(turn.messages for turn in (*turns, *asked))
    numbers = allocate({kind: 1.0} if kind else shares, seeds.keys(), min(count, room))
    if not numbers:
        what = f"that asks for {kind.value}, in" if kind else "with a request of"
        raise CannotProposeError(f"First open a chat {what} one or two sentences.")
    rules = (each for each in services.rules.of(user_id) if each.status is not RuleStatus.DROPPED)
    return ProposalPlan(user_id, numbers, seeds, tuple(each.rule for each in rules))


def write_proposals(services: Services, plan: ProposalPlan, job: ProposalJob) -> None:
    """Write the planned proposals, as far as possible, and store each batch; blocks.

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
        self._random = random.Random(job.progress.requested_at)
        self._missing = Counter(plan.numbers)
        turns, _ = services.stores.log.turns_with_feedback(plan.user_id)
        earlier = services.stores.proposals.all_of(plan.user_id)
        seeds = (text for texts in plan.seeds.values() for text in texts)
        prompts = _last(turn.messages for turn in turns)
        self._instructions = KnownTexts({*prompts, *seeds, *(each.instruction for each in earlier)})
        self._replies = KnownTexts({each.reply for each in earlier})

    async def write(self) -> None:
        tries = _MAX_TRIES * self._plan.wanted
        while self._missing and tries:
            number = min(2 * self._missing.total(), tries, self._rows)
            tries -= number
            instructions = await self._new_instructions(number)
            self._store(await asyncio.gather(*map(self._proposal, instructions)))

    async def _new_instructions(self, number: int) -> list[str]:
        """Generate `number` instructions; the usable ones, at most as many as are missing."""
        kinds = self._random.choices([*self._missing], [*self._missing.values()], k=number)
        wanted, rejected, fit = Counter(self._missing), Counter[str](), []
        for answer in await asyncio.gather(*map(self._continue, kinds)):
            text = parse_instructions(answer.text)
            # An instruction of another task type than the seeds' is fine if that type is wanted.
            fault = Unusable.CUT_OFF if answer.is_truncated else None
            fault = fault or instruction_fault(text, +wanted, self._instructions)
            if fault is None:
                self._instructions.add(text)
                wanted[task_type_of(text)] -= 1
                fit.append(text)
            else:
                rejected[fault] += 1
        self._job.note(written=number, rejected=rejected)
        return fit

    async def _continue(self, kind: TaskType) -> Answer:
        """The base's continuation of a list of seed instructions."""
        seeds = self._plan.seeds[kind]
        examples = self._random.sample(seeds, min(EXAMPLES, len(seeds)))
        ids = self._prompt_ids(examples)
        while len(ids) > self._engine.context_length // 2 and len(examples) > 1:
            examples.pop()
            ids = self._prompt_ids(examples)
        return await self._ask(ids, _INSTRUCTION_PARAMS, None)

    def _prompt_ids(self, examples: Sequence[str]) -> list[int]:
        return self._engine.base.renderer.document_ids(continuation_prompt(examples))

    async def _proposal(self, instruction: str) -> Proposal:
        """Reply as in the user's chats: the version in use, with memory; then apply the rules."""
        user_id, version = self._plan.user_id, serving_version(self._services, self._plan.user_id)
        messages = (Message("user", instruction),)
        ids = tuple(self._engine.render(messages))
        if overridden_rules(version, instruction):
            version = None
        else:
            ids, _ = add_memory(
                self._services,
                user_id,
                messages,
                ids,
                learned=learned_by(version),
                reply_tokens=_REPLY_PARAMS.max_tokens,
                render=self._engine.render,
            )
        answer = await self._ask(ids, _REPLY_PARAMS, version)
        whole = answer.text.strip()
        written = strip_truncated_sentence(whole) if answer.is_truncated else whole
        skipped = overridden(self._plan.rules, instruction)
        active = [each for each in self._plan.rules if each not in skipped]
        reply, rules = _apply_rules(active, written)
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
            Request(tuple(ids), replace(params, seed=self._random.getrandbits(32))),
            adapter,
            caller=_CALLER,
            is_cancelled=self._job.is_cancelled,
        )

    def _store(self, written: Sequence[Proposal]) -> None:
        rejected, fit = Counter[str](), []
        for each in written:
            fault = reply_fault(each.instruction, each.reply, self._replies)
            if fault is None:
                self._replies.add(each.reply)
                fit.append(each)
            else:
                rejected[fault] += 1
        # Erasing a user cancels the job in the same transaction, so nothing is stored after it.
        with self._services.stores.database.atomic():
            if self._job.is_cancelled():
                raise RequestCancelledError("The request was cancelled.")
            self._services.stores.proposals.add(fit)
        self._missing = +(self._missing - Counter(each.kind for each in fit))
        self._job.note(proposed=len(fit), rejected=rejected)


def _apply_rules(rules: Sequence[Rule], reply: str) -> tuple[str, tuple[str, ...]]:
    """The reply rewritten by the rules, and the sentences of the rules that changed it."""
    changed = rewrite(rules, reply)
    if set(words(reply)).isdisjoint(words(changed)):
        return reply, ()
    changing = (rule for rule in rules if rule.holds(changed) and not rule.holds(reply))
    return changed, tuple(rule.sentence for rule in changing)


def _last(conversations: Iterable[Sequence[Message]]) -> Iterator[str]:
    return (turns[-1].content for turns in conversations if turns)
