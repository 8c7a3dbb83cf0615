"""The base's loss on each example's reply, with and without its prompt, for the filters."""

from collections.abc import Sequence
from dataclasses import replace

from adapters_store.base_model import BaseModel
from adapters_store.errors import PromptError
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.filters.ifd import Losses
from feedback.records import Message, TrainingExample
from scheduler.evaluation.held_out import reply_losses

# An empty turn, not none: the template's own tokens are then on both sides of the ratio.
_NO_PROMPT = (Message("user", ""),)


def example_losses(
    base: BaseModel, pool: AdapterPool, examples: Sequence[TrainingExample], max_tokens: int
) -> dict[str, Losses]:
    """The base's losses by example id. Empty if its template refuses an empty turn."""
    alone = [replace(each, messages=_NO_PROMPT) for each in examples]
    try:
        without = reply_losses(base, pool, NO_ADAPTER, alone, max_tokens)
    except PromptError:
        return {}
    prompted = reply_losses(base, pool, NO_ADAPTER, examples, max_tokens)
    return {
        each.id: Losses(*losses)
        for each, losses in zip(examples, zip(prompted, without, strict=True), strict=True)
    }
