"""Scales an adapter that drifted too far towards the base (WiSE-FT).

Models between the base and a fine-tuned one keep most of what was learned and forget little
(Wortsman et al. 2022, arXiv 2109.01903). An adapter is interpolated by scaling its B.
"""

from collections.abc import Sequence

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluation.held_out import measure_reference_kl

FACTORS = (0.95, 0.9, 0.85, 0.8)
"""An adapter that is still too far at the last factor learned more than a habit."""


def shrink(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    reference_replies: Sequence[tuple[str, str]],
    max_kl: float,
) -> bool:
    """Scale a slot until it drifts by at most `max_kl` nats per token; return whether it changed.

    Drift is measured on `reference_replies`, prompts with the base's replies. If no factor is
    enough, the slot stays as it was.
    """
    if measure_reference_kl(base, pool, slot, reference_replies) <= max_kl:
        return False
    scaled = 1.0
    for factor in FACTORS:
        pool.scale(slot, factor / scaled)
        scaled = factor
        if measure_reference_kl(base, pool, slot, reference_replies) <= max_kl:
            return True
    pool.scale(slot, 1 / scaled)
    return False
