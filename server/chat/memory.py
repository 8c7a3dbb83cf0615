"""What of a user's memory goes into one prompt, and what that takes."""

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
from feedback.records import Memory, Message
from scheduler.version_report import report_of
from server.services import Services

# What is older is in the weights; reading all of it at every request would take too long.
MAX_JUDGED = 64

Render = Callable[[Sequence[Message]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What of memory is in a prompt. `tokens` is how much longer the prompt is for it.

    `saved_tokens` is how much more memory would have taken, had the adapter learned nothing.
    """

    demonstrations: int = 0
    notes: int = 0
    tokens: int = 0
    saved_tokens: int = 0


def user_memory(services: Services, user_id: str) -> Memory:
    """All that memory holds of a user."""
    return build_memory(*services.stores.log.turns_with_feedback(user_id, newest=MAX_JUDGED))


def learned_by(version: AdapterVersion | None) -> frozenset[str]:
    """The examples that memory need not show: what the version in use was trained on, where it does
    without, and what curation left out for newer rows."""
    if version is None:
        return frozenset()
    report = report_of(version)
    learned = version.example_ids if report.replaces_memory else ()
    return frozenset(learned).union(report.superseded)


def last_user_message(messages: Sequence[Message]) -> str | None:
    """What the user said last."""
    return next((each.content for each in reversed(messages) if each.role == "user"), None)


def add_memory(
    services: Services,
    user_id: str,
    messages: Sequence[Message],
    prompt: tuple[int, ...],
    *,
    learned: Container[str],
    reply_tokens: int,
    render: Render,
) -> tuple[tuple[int, ...], MemoryUse]:
    """The prompt with what the user's judgements teach, and what was added.

    `prompt` is what `render` makes of `messages`, `learned` the ids of the examples that `learned_by`
    gives for the adapter in use. The prompt stays as it is where it would leave less than
    `reply_tokens` of the context, or where the template refuses.
    """
    runtime, settings = services.runtime, services.settings
    question = last_user_message(messages)
    room = runtime.engine.context_length - len(prompt) - reply_tokens
    budget = min(settings.memory_tokens, room)
    if question is None or budget <= 0:
        return prompt, MemoryUse()
    memory = user_memory(services, user_id)
    if memory.notes and not runtime.notes.follows_instructions():
        memory = replace(memory, notes=())
    scores = demonstrations_for(memory, question)
    count = cache(runtime.engine.base.renderer.turn_tokens)

    def chosen_without(known: Container[str]) -> Memory:
        return select_memory(
            without_learned(memory, known, messages),
            scores,
            budget=budget,
            max_demonstrations=settings.memory_demonstrations,
            count=count,
        )

    chosen = chosen_without(learned)
    saved = max(0, memory_tokens(chosen_without(()), count) - memory_tokens(chosen, count))
    if chosen == Memory():
        return prompt, MemoryUse(saved_tokens=saved)
    try:
        longer = tuple(render(with_memory(messages, chosen)))
    except PromptError:  # the conversation alone was accepted
        return prompt, MemoryUse(saved_tokens=saved)
    if len(longer) - len(prompt) > room:  # turns were counted one by one, not as the template joins
        return prompt, MemoryUse(saved_tokens=saved)
    added = max(0, len(longer) - len(prompt))
    return longer, MemoryUse(len(chosen.demonstrations), len(chosen.notes), added, saved)
