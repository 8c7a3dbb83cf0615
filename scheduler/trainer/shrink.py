"""Takes a fit that drifted too far a part of the way back to the base.

Between the base and a fine-tuned model lie models that have most of what was learned and little of
what was forgotten (Wortsman et al. 2022, arXiv 2109.01903). An adapter's are its B times a factor.
"""

from collections.abc import Sequence

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluation.held_out import measure_reference_kl

FACTORS = (0.95, 0.9, 0.85, 0.8)
"""What is still too far at the last one was taught something else than a habit."""


def shrink(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    reference_replies: Sequence[tuple[str, str]],
    max_kl: float,
) -> bool:
    """Weaken a slot until it drifts by `max_kl` nats per token at most; whether that was needed.

    `reference_replies` are prompts with what the base replies. Where no factor is enough, the slot is left as
    it was.
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
