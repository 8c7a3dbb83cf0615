"""Generic prompts, and what the base and an adapter reply to them: what should be left alone.

The base's replies depend on the base alone, so they are made once per base and kept in a file.
"""

import json
from hashlib import sha256
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
ANCHOR_REPLY_TOKENS = 32

ANCHORS = [(Message("user", prompt),) for prompt in ANCHOR_PROMPTS]
"""The prompts as conversations."""


def anchor_replies(
    base: BaseModel, pool: AdapterPool, slot: int, cache: Path
) -> tuple[list[str], list[str]]:
    """Greedy replies to the anchors: the base's, then those with a slot's adapter.

    The base's come from the folder `cache` where they are already there.
    """
    file = cache / _file_name(base)
    if file.exists():
        base_replies = json.loads(file.read_text(encoding="utf-8"))
        return base_replies, greedy_replies(base, pool, slot, ANCHORS, ANCHOR_REPLY_TOKENS)
    # In one batch: a token for twice the rows takes little longer.
    slots = [NO_ADAPTER] * len(ANCHORS) + [slot] * len(ANCHORS)
    replies = greedy_replies(base, pool, slots, ANCHORS * 2, ANCHOR_REPLY_TOKENS)
    base_replies = replies[: len(ANCHORS)]
    cache.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(base_replies), encoding="utf-8")
    partial.rename(file)
    return base_replies, replies[len(ANCHORS) :]


def _file_name(base: BaseModel) -> str:
    # Other prompts or lengths have other replies.
    asked = sha256(json.dumps([ANCHOR_PROMPTS, ANCHOR_REPLY_TOKENS]).encode()).hexdigest()
    return f"anchors-{base.revision[:16]}-{asked[:8]}.json"
