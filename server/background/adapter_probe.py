"""Probes an adapter in the engine before it is stored: finite weights can still overflow."""

import asyncio
import math
from typing import TYPE_CHECKING

from adapters_store.errors import AdapterInvalidError
from adapters_store.records import ServableAdapter
from feedback.records import Message
from server.engine.records import TokenLogprob

if TYPE_CHECKING:
    from server.engine.engine import Engine

QUESTION, ANSWER = "What is the capital of France?", "The capital of France is Paris."
NUM_TOP = 5
_CALLER = "import"  # counted like a user


def check_finite(engine: "Engine", adapter: ServableAdapter) -> None:
    """Check that the model with the adapter predicts with finite numbers; blocks.

    Raises `AdapterInvalidError`, and what `Engine.score` and its `Generation` raise.
    """
    for token in asyncio.run(_score(engine, adapter)):
        if not all(map(math.isfinite, (token.logprob, *(value for _, value in token.top)))):
            raise AdapterInvalidError(
                "the weights are so large that the model's predictions are no numbers: train the"
                " adapter anew, with a lower learning rate"
            )


async def _score(engine: "Engine", adapter: ServableAdapter) -> list[TokenLogprob]:
    prompt = engine.render([Message("user", QUESTION)])
    reply = engine.base.renderer.text_ids(ANSWER)
    scored = engine.score(prompt, reply, adapter, user=_CALLER, num_top=NUM_TOP)
    return [each async for delta in scored for each in delta.logprobs]
