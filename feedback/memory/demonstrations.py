"""Selects the few-shot demonstrations and notes for a user's next prompt. Pure.

A demonstration is an earlier question with the reply that the user wanted, as two turns before the
conversation: small models follow examples better than instructions. A note is a comment on an
earlier reply. It stands after the question, as if the user asked for it again: in a system message
small models hardly heed it.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from feedback.examples.build import rated_examples
from feedback.memory.preference_model import typical_ids
from feedback.records import (
    Demonstration,
    ExampleKind,
    ExampleSource,
    Feedback,
    Interaction,
    Memory,
    Message,
)

MAX_NOTES = 5
MAX_CHARACTERS = 20_000  # a demonstration that is longer does not fit into a prompt
MAX_CONSIDERED = 16  # counting tokens takes time

Item = TypeVar("Item")


def build_memory(interactions: Iterable[Interaction], feedback: Iterable[Feedback]) -> Memory:
    """All demonstrations of one user, oldest first, and all notes, newest first.

    The newest feedback on a reply wins, as in training.
    """
    by_age = sorted(feedback, key=lambda each: (each.updated_at, each.id))
    examples = rated_examples(interactions, by_age)
    typical = typical_ids(examples)
    at = {each.id: each.updated_at for each in by_age}
    demonstrations = [
        Demonstration(
            example_id=each.id,
            question=each.messages[-1].content,
            reply=each.chosen,
            is_corrected=each.source is ExampleSource.CORRECTION,
            feedback_at=max(at[name] for name in each.feedback_ids),
            is_typical=each.id in typical,
            original=each.revised_from,
        )
        for each in examples
        if each.kind in (ExampleKind.SFT, ExampleKind.DESIRABLE)
        and each.messages
        and each.messages[-1].role == "user"
        and len(each.messages[-1].content) + len(each.chosen) <= MAX_CHARACTERS
    ]
    comments = ((each.comment or "").strip() for each in reversed(by_age))
    return Memory(
        demonstrations=tuple(sorted(demonstrations, key=_age)),
        notes=tuple(dict.fromkeys(comment for comment in comments if comment)),
    )


def without_learned(
    memory: Memory, learned: Container[str], messages: Iterable[Message] = ()
) -> Memory:
    """The memory without learned examples and without replies that the conversation contains."""
    said = {message.content for message in messages if message.role == "assistant"}
    left = tuple(
        each
        for each in memory.demonstrations
        if each.example_id not in learned and each.reply not in said
    )
    return replace(memory, demonstrations=left)


def select_memory(
    memory: Memory,
    relevance: Mapping[str, float],
    *,
    budget: int,
    max_demonstrations: int,
    count: Callable[[str], int],
) -> Memory:
    """The part of the memory that fits in `budget` tokens; `count` counts those of a text.

    In this order: the newest correction, because its user expects the next reply to show it; the
    other corrections by relevance, then by age, because style applies to any question; liked
    replies that are typical, then others that are relevant. `relevance` is by example id. Notes
    come newest first and take at most half of the budget. An item that does not fit is skipped.
    """
    notes = _fitting(memory.notes, budget // 2, MAX_NOTES, count)
    demonstrations = _fitting(
        _ranked(memory.demonstrations, relevance),
        budget - memory_tokens(Memory(notes=notes), count),
        max_demonstrations,
        lambda each: count(each.question) + count(each.reply),
    )
    return Memory(tuple(sorted(demonstrations, key=_age)), notes)


def memory_tokens(memory: Memory, count: Callable[[str], int]) -> int:
    """How many tokens a selected memory takes; `count` counts those of a text."""
    texts = [text for each in memory.demonstrations for text in (each.question, each.reply)]
    return sum(map(count, [*texts, *memory.notes]))


def with_memory(messages: Sequence[Message], memory: Memory) -> tuple[Message, ...]:
    """The messages with demonstrations before the first user turn and notes after the last one.

    So roles still alternate, and follow-ups still refer to the last reply. Demonstrations are in
    order of age, so an unchanged selection is an unchanged prefix. Without a user turn, nothing is
    added.
    """
    asked = [place for place, message in enumerate(messages) if message.role == "user"]
    if not asked:
        return tuple(messages)
    first, last = asked[0], asked[-1]
    turns = [
        turn
        for each in memory.demonstrations
        for turn in (Message("user", each.question), Message("assistant", each.reply))
    ]
    noted = [*messages[first:last], _noted(messages[last], memory.notes), *messages[last + 1 :]]
    return (*messages[:first], *turns, *noted)


def _noted(question: Message, notes: Sequence[str]) -> Message:
    """The question and the notes, the newest last."""
    if not notes:
        return question
    return replace(question, content="\n".join([question.content, "", *reversed(notes)]))


def _ranked(
    demonstrations: Sequence[Demonstration], relevance: Mapping[str, float]
) -> list[Demonstration]:
    """In order of preference, without liked replies that are neither typical nor relevant."""

    def score(each: Demonstration) -> float:
        return relevance.get(each.example_id, 0.0)

    newest_first = sorted(demonstrations, key=_age, reverse=True)
    corrected = [each for each in newest_first if each.is_corrected]
    liked = [
        each
        for each in newest_first
        if not each.is_corrected and (each.is_typical or score(each) > 0)
    ]
    ranked: dict[tuple[str, str], Demonstration] = {}
    for each in (
        *corrected[:1],
        *sorted(corrected[1:], key=score, reverse=True),
        *sorted(liked, key=lambda each: (each.is_typical, score(each)), reverse=True),
    ):
        ranked.setdefault((each.question, each.reply), each)
    return list(ranked.values())


def _fitting(
    items: Sequence[Item], budget: int, limit: int, cost: Callable[[Item], int]
) -> tuple[Item, ...]:
    """The first `limit` items that fit in the budget; skips items that exceed what is left."""
    fitting: list[Item] = []
    for item in items[:MAX_CONSIDERED]:
        if len(fitting) == limit:
            break
        price = cost(item)
        if price <= budget:
            fitting.append(item)
            budget -= price
    return tuple(fitting)


def _age(demonstration: Demonstration) -> tuple[float, str]:
    return demonstration.feedback_at, demonstration.example_id
