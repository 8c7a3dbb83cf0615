"""Probes an adapter in the engine before it is stored: with finite weights sums can overflow."""

import asyncio
import math
from typing import TYPE_CHECKING

from adapters_store.errors import AdapterInvalidError
from adapters_store.records import ServableAdapter
from feedback.records import Message
from server.engine.records import TokenLogprob

if TYPE_CHECKING:
    from server.engine.interface import Engine

QUESTION, ANSWER = "What is the capital of France?", "The capital of France is Paris."
NUM_TOP = 5
_CALLER = "import"  # counted like a user


def check_predictions(engine: "Engine", adapter: ServableAdapter) -> None:
    """Check that the model with the adapter predicts anything, in finite numbers; blocks.

    After an overflow some kernels give no numbers, others zeros: then all tokens are as likely.
    Raises `AdapterInvalidError`, and what `Engine.score` and its `Generation` raise.
    """
    tokens = asyncio.run(_score(engine, adapter))
    values = [(token.logprob, *(value for _, value in token.top)) for token in tokens]
    is_finite = all(math.isfinite(value) for each in values for value in each)
    if not is_finite or all(len(set(each)) == 1 for each in values):
        raise AdapterInvalidError(
            "the weights are so large that the model's sums overflow: train the adapter anew, with"
            " a lower learning rate"
        )


async def _score(engine: "Engine", adapter: ServableAdapter) -> list[TokenLogprob]:
    prompt = engine.render([Message("user", QUESTION)])
    reply = engine.renderer.text_ids(ANSWER)
    scored = engine.score(prompt, reply, adapter, user=_CALLER, num_top=NUM_TOP)
    return [each async for delta in scored for each in delta.logprobs]
