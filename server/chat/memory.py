"""Adds a user's memory to a prompt, and measures what it adds."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import cache

from adapters_store.errors import PromptError
from adapters_store.records import AdapterVersion
from feedback.memory.bm25 import demonstrations_for
from feedback.memory.demonstrations import (
    build_memory,
    memory_tokens,
    select_memory,
    with_memory,
    without_learned,
)
from feedback.memory.rule_notes import rule_notes
from feedback.records import Memory, Message
from scheduler.version_report import report_of
from server.services import Services

# Older feedback is in the weights; reading all of it at every request would take too long.
MAX_TURNS = 64
MAX_CHARACTERS = 4 << 20

Render = Callable[[Sequence[Message]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """How much memory is in a prompt. `tokens` is how many tokens it added.

    `saved_tokens` is how many more it would have added if the adapter had learned nothing.
    """

    demonstrations: int = 0
    notes: int = 0
    tokens: int = 0
    saved_tokens: int = 0


def user_memory(services: Services, user_id: str) -> Memory:
    """The user's whole memory."""
    return build_memory(
        *services.stores.log.turns_with_feedback(
            user_id, newest=MAX_TURNS, max_characters=MAX_CHARACTERS
        )
    )


def learned_by(version: AdapterVersion | None) -> frozenset[str]:
    """The ids of examples that memory need not show: those that the version was trained on, if it
    replaces memory, and those that newer feedback superseded."""
    if version is None:
        return frozenset()
    report = report_of(version)
    learned = version.example_ids if report.replaces_memory else ()
    return frozenset(learned).union(report.superseded)


def memory_suffices(
    version: AdapterVersion | None, messages: Sequence[Message], memory: MemoryUse
) -> bool:
    """Whether the base answers with memory alone, though the user has a version.

    In the first turn the base with memory is the very teacher that the version learned from. In
    later turns the replies before override memory, and the version helps.
    """
    return (
        version is not None
        and memory.demonstrations > 0
        and is_first_turn(messages)
        and report_of(version).was_taught_by_memory
    )


def is_first_turn(messages: Sequence[Message]) -> bool:
    """Whether nothing was answered before."""
    return all(each.role != "assistant" for each in messages)


def last_user_message(messages: Sequence[Message]) -> str | None:
    """The text of the last user message."""
    return next((each.content for each in reversed(messages) if each.role == "user"), None)


def add_memory(
    services: Services,
    user_id: str,
    messages: Sequence[Message],
    prompt_ids: tuple[int, ...],
    *,
    learned: Container[str],
    reply_tokens: int,
    render: Render,
) -> tuple[tuple[int, ...], MemoryUse]:
    """The prompt's token ids with the user's memory, and how much memory was added.

    `prompt_ids` is `render(messages)`; `learned` is `learned_by` of the adapter in use. Nothing is
    added if that would leave less than `reply_tokens` of the context, or if the template refuses.
    """
    runtime, settings = services.runtime, services.settings
    question = last_user_message(messages)
    room = runtime.engine.context_length - len(prompt_ids) - reply_tokens
    budget = min(settings.memory_tokens, room)
    if question is None or budget <= 0:
        return prompt_ids, MemoryUse()
    memory = user_memory(services, user_id)
    follows = runtime.instruction_probe.follows_instructions() if memory != Memory() else False
    scores = demonstrations_for(memory, question)
    count = cache(runtime.engine.renderer.turn_tokens)

    def selected_without(known: Container[str]) -> Memory:
        unknown = without_learned(memory, known)
        rules = services.rules.of_memory(user_id, unknown.demonstrations) if follows else ()
        notes = (*memory.notes, *rule_notes(rules, question)) if follows else ()
        return select_memory(
            without_learned(replace(unknown, notes=notes), (), messages),
            scores,
            budget=budget,
            max_demonstrations=settings.memory_demonstrations,
            count=count,
        )

    selected = selected_without(learned)
    saved = max(0, memory_tokens(selected_without(()), count) - memory_tokens(selected, count))
    if selected == Memory():
        return prompt_ids, MemoryUse(saved_tokens=saved)
    try:
        longer = tuple(render(with_memory(messages, selected)))
    except PromptError:  # the conversation alone was accepted
        return prompt_ids, MemoryUse(saved_tokens=saved)
    if len(longer) - len(prompt_ids) > room:  # the template may add more than the turns' tokens
        return prompt_ids, MemoryUse(saved_tokens=saved)
    added = max(0, len(longer) - len(prompt_ids))
    return longer, MemoryUse(len(selected.demonstrations), len(selected.notes), added, saved)
