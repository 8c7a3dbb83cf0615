"""Training examples as memory: what a chat would show of them. Pure."""

from collections.abc import Iterable

from feedback.memory.preference_model import typical_ids
from feedback.records import Demonstration, ExampleKind, ExampleSource, Memory, TrainingExample


def demonstrated(examples: Iterable[TrainingExample]) -> tuple[TrainingExample, ...]:
    """The examples that memory shows: corrections and liked replies.

    Repaired dislikes are missing: memory shows only replies that a person wrote or liked.
    """
    return tuple(
        each
        for each in examples
        if each.feedback_ids
        and each.source is not ExampleSource.DISLIKED
        and each.kind in (ExampleKind.SFT, ExampleKind.DESIRABLE)
        and each.messages[-1].role == "user"
    )


def few_shot_memory(examples: Iterable[TrainingExample]) -> Memory:
    """The `demonstrated` examples as memory."""
    known = list(examples)
    typical = typical_ids(known)
    return Memory(
        tuple(
            Demonstration(
                example_id=each.id,
                question=each.messages[-1].content,
                reply=each.chosen,
                is_corrected=each.source is ExampleSource.CORRECTION,
                feedback_at=each.created_at,
                is_typical=each.id in typical,
                original=each.revised_from,
            )
            for each in demonstrated(known)
        )
    )
