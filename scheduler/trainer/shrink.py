"""Scales an adapter towards the base (WiSE-FT), if that costs nothing, or if it drifted too far.

Models between the base and a fine-tuned one keep most of what was learned and forget little
(Wortsman et al. 2022, arXiv 2109.01903). An adapter is interpolated by scaling its B.
"""

from collections.abc import Callable, Sequence

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from scheduler.evaluation.held_out import measure_reference_kl
from scheduler.evaluation.rule_compliance import ComplianceResult

SMALLER = (0.75, 0.5)
"""Scales that are tried in turn while the slot complies as often."""

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


def shrink_while_compliant(
    pool: AdapterPool, slot: int, found: ComplianceResult, probe: Callable[[], ComplianceResult]
) -> ComplianceResult:
    """Scale a slot to the smallest scale at which it complies as often as `found`, at full scale.

    A fit goes on after the rules are kept, and the rest of it costs what the base knows. Returns
    what `probe` finds of the slot as it is left.
    """
    weights = pool.read(slot, torch.float32)
    chosen, kept = 1.0, found
    for factor in SMALLER:
        pool.load(slot, weights)
        pool.scale(slot, factor)
        result = probe()
        if result.compliance_rate < found.compliance_rate:
            break
        chosen, kept = factor, result
    pool.load(slot, weights)
    pool.scale(slot, chosen)
    return kept
