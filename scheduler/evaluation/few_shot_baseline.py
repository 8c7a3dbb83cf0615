"""The few-shot baseline: the base with the user's examples in its prompt, as memory shows them.

A significant adapter replaces these examples, so it has to be better than they are.
"""

from collections.abc import Sequence
from functools import cache

from adapters_store.base_model import BaseModel, Renderer
from adapters_store.lora import AdapterPool
from feedback.memory.bm25 import demonstrations_for
from feedback.memory.demonstrations import select_memory, with_memory
from feedback.memory.from_examples import few_shot_memory
from feedback.records import Memory, Message, TrainingExample
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
    """Score the base on held-out examples, with the `learned` ones in its prompt.

    None for an example that is too long.
    """
    shown = few_shot_memory(learned)
    messages = [with_few_shot(base.renderer, shown, each.messages, memory) for each in held_out]
    return score_preferences_few_shot(base, pool, held_out, messages, training)


def with_few_shot(
    renderer: Renderer, memory: Memory, messages: Sequence[Message], config: MemoryConfig
) -> tuple[Message, ...]:
    """The messages with the examples that the server would add from memory."""
    scores = demonstrations_for(memory, messages[-1].content)
    chosen = select_memory(
        memory,
        scores,
        budget=config.tokens,
        max_demonstrations=config.demonstrations,
        count=cache(renderer.turn_tokens),
    )
    return with_memory(messages, chosen)
