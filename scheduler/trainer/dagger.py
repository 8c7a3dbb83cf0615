"""Fits an adapter in rounds, each on the mistakes of the one before (DAgger).

Each fit is probed on other prompts and its mistakes, corrected by the rules, join the next fit. The
fit that complies best is kept: two fits of the same examples differ by more than most settings do,
and a later fit can unlearn what an earlier one learned. It is shrunk if it drifted too far.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import torch
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message, TrainingExample
from feedback.rules.rule import Rule
from scheduler.augmentation.prompts import PROBE_REPLY_TOKENS
from scheduler.evaluation.rule_compliance import ComplianceResult, correct_rollouts
from scheduler.fit.loop import PhaseReport
from scheduler.fit.passes import Steps
from scheduler.records import TrainingConfig
from scheduler.trainer.generate import greedy_replies
from scheduler.trainer.job import TrainingJob
from scheduler.trainer.parent_pipe import Reporter
from scheduler.trainer.shrink import shrink

ENOUGH_COMPLIANCE = 0.7
"""No round follows at this compliance rate. Code and tables are left by then, and an adapter that
learns those forgets as much elsewhere."""

REPEATED_EXAMPLES = 10
"""Earlier examples to repeat along with the mistakes, or as many as the mistakes if those are more.
Most are learned by then."""

LATER_STEPS = 6
LATER_RATE = 0.25
"""A later fit's share of the learning rate: Adam's first steps move every weight by all of it."""

KL_HEADROOM = 0.9
"""The share of the allowed drift to shrink to: added examples and rounding move it a little."""

UNREPEATED_TOKENS = 8
"""A coarse form of the engine's repetition penalty: a loop is no reply to correct."""

FitFunction = Callable[[Sequence[TrainingExample], TrainingConfig], Steps[tuple[PhaseReport, ...]]]


def fit_with_dagger(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    job: TrainingJob,
    fit: FitFunction,
    reporter: Reporter,
    end: float,
) -> Steps[tuple[list[tuple[PhaseReport, ...]], ComplianceResult | None]]:
    """Fit a slot on the examples, in at most one round per part of `job.probes`, or once without.

    Each round continues from the best fit so far, which is left in the slot, shrunk if it drifted
    too far. Returns the reports of the fits that led to it, and its compliance on the probes. `end`
    is the fraction of the whole run, in 0..1, that is done then.
    """
    num_phases = max(1, 2 * len(job.probes))

    def enter(phase: str, number: int) -> None:
        reporter.enter(phase, end * number / num_phases, end * (number + 1) / num_phases)

    user_id, taught = examples[0].user_id, tuple(examples)

    def probe(part: int) -> ComplianceResult:
        result = roll_out(base, pool, slot, job.rules, user_id, job.probes[part])
        return replace(result, part=part)

    enter("fitting", 0)
    reports = best_reports = [(yield from fit(examples, job.training))]
    best_weights: dict[str, Tensor] = {}
    best: ComplianceResult | None = None
    random, later = Random(job.training.seed), _later(job.training)
    for part in range(len(job.probes)):
        enter("testing on probe prompts", 2 * part + 1)
        result = probe(part)
        # Of equals, the later one: it was taught more.
        if best is None or result.compliance_rate >= best.compliance_rate:
            best_weights, best = pool.read(slot, torch.float32), result
            best_reports = reports
        else:
            pool.load(slot, best_weights)
        if result.compliance_rate >= ENOUGH_COMPLIANCE or part + 1 == len(job.probes):
            break
        enter("fitting corrected mistakes", 2 * part + 2)
        num_repeated = max(REPEATED_EXAMPLES, len(result.mistakes))
        repeated = random.sample(taught, min(len(taught), num_repeated))
        taught = (*result.mistakes, *taught)
        again = yield from fit((*result.mistakes, *repeated), later)
        reports = [*best_reports, again]
    is_shrunk = shrink(base, pool, slot, job.reference_replies, KL_HEADROOM * job.max_reference_kl)
    if is_shrunk and best is not None:
        best = probe(best.part)
    return best_reports, best


def roll_out(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    rules: Sequence[Rule],
    user_id: str,
    exchanges: Sequence[tuple[str, str]],
) -> ComplianceResult:
    """Let a slot reply to the prompts of `exchanges`, at least one, and correct its replies."""
    prompts = [[Message("user", prompt)] for prompt, _ in exchanges]
    replies = greedy_replies(
        base, pool, slot, prompts, PROBE_REPLY_TOKENS, unrepeated=UNREPEATED_TOKENS
    )
    return correct_rollouts(rules, user_id, exchanges, replies)


def _later(config: TrainingConfig) -> TrainingConfig:
    rate = config.learning_rate * LATER_RATE
    return replace(config, learning_rate=rate, max_steps=LATER_STEPS, min_passes=1)
