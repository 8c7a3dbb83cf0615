"""Generic prompts with the base model's own replies: what an adapter should leave alone.

The replies depend on the base alone, so they are made once per base and kept in a file.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message
from scheduler.generation import greedy_replies

ANCHOR_PROMPTS = (
    "What is the difference between weather and climate?",
    "Write a short email to a colleague to move a meeting to Friday.",
    "Explain how a bicycle stays upright.",
    "Give me three ideas for a birthday present for my sister.",
    "How do I boil an egg?",
    "Write a Python function that adds two numbers.",
    "Summarise why people sleep, in two sentences.",
    "Translate 'good morning' into French.",
    "What should I pack for a weekend at the sea?",
    "Name the planets of the solar system in order.",
    "Write a two-line poem about rain.",
    "Is it safe to look at the sun? Answer briefly.",
)
ANCHOR_REPLY_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Anchor:
    """A generic prompt and the base model's greedy reply to it."""

    prompt: str
    reply: str

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt as a conversation."""
        return (Message("user", self.prompt),)


def anchors_for(base: BaseModel, pool: AdapterPool, cache: Path) -> tuple[Anchor, ...]:
    """Return the anchors of this base, from the folder `cache` where they are already there."""
    file = cache / f"anchors-{base.revision[:16]}.json"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        prompts = [(Message("user", prompt),) for prompt in ANCHOR_PROMPTS]
        replies = greedy_replies(base, pool, NO_ADAPTER, prompts, ANCHOR_REPLY_TOKENS)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(replies), encoding="utf-8")
        partial.rename(file)
    replies = json.loads(file.read_text(encoding="utf-8"))
    return tuple(map(Anchor, ANCHOR_PROMPTS, replies))
