"""The alternative to an adapter: the base with the user's rows in its prompt, as memory shows them.

What has proved a gain leaves the prompt, so an adapter has to be better than what it replaces.
"""

from collections.abc import Sequence
from functools import cache

from adapters_store.base_model import BaseModel, Renderer
from adapters_store.lora import AdapterPool
from feedback.memory.bm25 import demonstrations_for
from feedback.memory.demonstrations import select_memory, with_memory
from feedback.records import (
    Demonstration,
    ExampleKind,
    ExampleSource,
    Memory,
    Message,
    TrainingExample,
)
from scheduler.evaluation.held_out import PreferenceScore, score_preferences_few_shot
from scheduler.records import MemoryConfig, TrainingConfig


def score_few_shot(
    base: BaseModel,
    pool: AdapterPool,
    held_out: Sequence[TrainingExample],
    learned: Sequence[TrainingExample],
    memory: MemoryConfig,
    training: TrainingConfig,
) -> list[PreferenceScore | None]:
    """How much the base agrees with each held-out judgement when memory shows what was learned.

    None where a row does not fit.
    """
    shown = few_shot_memory(learned)
    prompts = [with_few_shot(base.renderer, shown, each.prompt, memory) for each in held_out]
    return score_preferences_few_shot(base, pool, held_out, prompts, training)


def with_few_shot(
    renderer: Renderer, memory: Memory, prompt: Sequence[Message], config: MemoryConfig
) -> tuple[Message, ...]:
    """The prompt with what a server would add of memory."""
    scores = demonstrations_for(memory, prompt[-1].content)
    chosen = select_memory(
        memory,
        scores,
        budget=config.tokens,
        max_demonstrations=config.demonstrations,
        count=cache(renderer.turn_tokens),
    )
    return with_memory(prompt, chosen)


def few_shot_memory(examples: Sequence[TrainingExample]) -> Memory:
    """What the examples demonstrate: corrections, and replies that were liked.

    Not what rules made of disliked replies: memory shows only what a person wrote or liked.
    """
    return Memory(
        tuple(
            Demonstration(
                example_id=each.id,
                question=each.prompt[-1].content,
                reply=each.chosen,
                is_corrected=each.source is ExampleSource.CORRECTION,
                judged_at=each.created_at,
            )
            for each in examples
            if each.feedback_ids
            and each.source is not ExampleSource.DISLIKED
            and each.kind in (ExampleKind.SFT, ExampleKind.DESIRABLE)
            and each.prompt[-1].role == "user"
        )
    )
