"""Fits an adapter, tries it on other prompts and fits it again with its mistakes, a few times over.

Two fits of the same rows differ by more than most settings do, and a second fit can unlearn what
the first one had learned. So every fit is tried, and the one that does best is kept. Where that
one drifted too far from the base, it is pulled back.
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
from scheduler.records import TrainingConfig
from scheduler.trainer.generate import greedy_replies
from scheduler.trainer.job import TrainingJob
from scheduler.trainer.parent_pipe import ParentPipe
from scheduler.trainer.shrink import shrink

ENOUGH_COMPLIANCE = 0.7
"""From this share of replies that keep the rules on, no more is learned from them: what is left are
code and tables, and who is taught those forgets as much elsewhere."""

REPEATED_EXAMPLES = 10
"""Rows that were taught before and stand beside the mistakes; as many as those where they are more.
Most are learned by then."""

LATER_STEPS = 6
LATER_RATE = 0.25
"""Of the first fit's learning rate: a new Adam's first steps move every weight by all of it."""

KL_HEADROOM = 0.9
"""Of the drift that is allowed: rows that are added afterwards and rounding move it a little."""

UNREPEATED_TOKENS = 8
"""As the engine does, if in a coarser way: a loop would be no reply to correct."""

FitFunction = Callable[[Sequence[TrainingExample], TrainingConfig], tuple[PhaseReport, ...]]


def fit_with_dagger(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    examples: Sequence[TrainingExample],
    job: TrainingJob,
    fitted: FitFunction,
    parent: ParentPipe,
    end: float,
) -> tuple[list[tuple[PhaseReport, ...]], ComplianceResult | None]:
    """Fit a slot on the examples, in as many rounds as the job has prompts to try it on.

    Without such prompts it is fitted once. A round goes on from the best fit so far, which is left
    in the slot in the end, pulled back where it drifted too far; returned are the reports of the
    fits that led to it, and its trial.
    `end` is how far the whole run is then, in 0..1.
    """
    parts = max(1, 2 * len(job.probes))

    def enter(phase: str, part: int) -> None:
        parent.enter(phase, end * part / parts, end * (part + 1) / parts)

    user_id, taught = examples[0].user_id, tuple(examples)

    def probed(number: int) -> ComplianceResult:
        trial = roll_out(base, pool, slot, job.rules, user_id, job.probes[number])
        return replace(trial, part=number)

    enter("fitting", 0)
    reports = best_reports = [fitted(examples, job.training)]
    best: dict[str, Tensor] = {}
    best_trial: ComplianceResult | None = None
    random, later = Random(job.training.seed), _gentler(job.training)
    for number in range(len(job.probes)):
        enter("trying it on other prompts", 2 * number + 1)
        trial = probed(number)
        # Of equals, the one that was taught more.
        if best_trial is None or trial.compliance_rate >= best_trial.compliance_rate:
            best, best_trial = pool.read(slot, torch.float32), trial
            best_reports = reports
        else:
            pool.load(slot, best)
        if trial.compliance_rate >= ENOUGH_COMPLIANCE or number + 1 == len(job.probes):
            break
        enter("fitting its mistakes", 2 * number + 2)
        repeated = max(REPEATED_EXAMPLES, len(trial.mistakes))
        beside = random.sample(taught, min(len(taught), repeated))
        taught = (*trial.mistakes, *taught)
        reports = [*best_reports, fitted((*trial.mistakes, *beside), later)]
    is_weaker = shrink(base, pool, slot, job.reference_replies, KL_HEADROOM * job.max_reference_kl)
    if is_weaker and best_trial is not None:
        best_trial = probed(best_trial.part)
    return best_reports, best_trial


def _gentler(config: TrainingConfig) -> TrainingConfig:
    rate = config.learning_rate * LATER_RATE
    return replace(config, learning_rate=rate, max_steps=LATER_STEPS, min_passes=1)


def roll_out(
    base: BaseModel,
    pool: AdapterPool,
    slot: int,
    rules: Sequence[Rule],
    user_id: str,
    exchanges: Sequence[tuple[str, str]],
) -> ComplianceResult:
    """Let a slot reply to prompts, at least one, and put right what is not.

    `exchanges` are prompts with what the base replies.
    """
    prompts = [[Message("user", prompt)] for prompt, _ in exchanges]
    replies = greedy_replies(
        base, pool, slot, prompts, PROBE_REPLY_TOKENS, unrepeated=UNREPEATED_TOKENS
    )
    return correct_rollouts(rules, user_id, exchanges, replies)
