"""Corrections as written against the base's own wordings of them: which fit drifts less?

    python -m tests.benchmarks.bench_self_distillation [--no-write]

Fits an adapter on each, on the model of the settings, in process, and writes its table to
docs/benchmarks.md. If no wording of the base keeps its correction, there is nothing to compare, and
the table says so.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rich.console import Console

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.examples.dataset import build_dataset
from feedback.records import Dataset, Message
from feedback.rules.rule import Rule, apply_all
from feedback.text.repetition import is_repetitive
from scheduler.augmentation.prompts import (
    REFERENCE_PROMPTS,
    REFERENCE_REPLY_TOKENS,
    SYNTHETIC_PROMPTS,
)
from scheduler.augmentation.self_distillation import self_distil
from scheduler.evaluation.held_out import measure_reference_kl
from scheduler.fit.loop import fit
from scheduler.records import TrainingConfig
from scheduler.trainer.generate import greedy_replies
from server.settings import Settings
from tests.benchmarks.base import load_base
from tests.benchmarks.bench_learning_loop import UNSEEN
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.scheduler.training import make_example

TAUGHT = SYNTHETIC_PROMPTS[:24]
RULES = (Rule("most sentences", "2"),)
TAUGHT_TOKENS = MEASURED_TOKENS = 48
WORDING_TOKENS = 96  # twice the length of the corrected replies
CONFIG = TrainingConfig(max_tokens=256)
SLOT = 1


@dataclass(frozen=True, slots=True)
class Arm:
    """The result of one of the two fits; the KL is in nats per token."""

    steps: int
    reference_kl: float
    compliant: int
    loops: int


def main() -> None:
    """Measure, print and write the table."""
    torch.manual_seed(0)
    base = load_base(Settings(), Console())
    pool = AdapterPool(base.model, Settings().lora, SLOT + 1, dtype=torch.float32)
    text = measure(base, pool)
    show_section("self-distillation", text, is_written="--no-write" not in sys.argv)


def measure(base: BaseModel, pool: AdapterPool) -> str:
    """The table, with the machine above it."""
    written = corrections(base, pool)
    reworded, sentence = self_distil(
        written, RULES, lambda prompts: replies(base, pool, NO_ADAPTER, prompts, WORDING_TOKENS)
    )
    exchanges = list(
        zip(
            REFERENCE_PROMPTS,
            replies(base, pool, NO_ADAPTER, REFERENCE_PROMPTS, REFERENCE_REPLY_TOKENS),
            strict=True,
        )
    )
    without = fitted(base, pool, written, exchanges)
    is_same = reworded.content_hash == written.content_hash
    within = without if is_same else fitted(base, pool, reworded, exchanges)
    rows = [
        ("optimiser steps", str(without.steps), str(within.steps)),
        (
            "KL from the base on reference replies, nats/token",
            f"{without.reference_kl:.3f}",
            f"{within.reference_kl:.3f}",
        ),
        (
            f"unseen prompts of {len(UNSEEN)} whose replies follow the rules",
            str(without.compliant),
            str(within.compliant),
        ),
        ("of these replies, stuck in a loop", str(without.loops), str(within.loops)),
    ]
    note = " So both columns are one fit." if is_same else ""
    table = markdown_table(["figure", "as written", "in the base's words"], rows)
    return f"Measured on {machine()}.\n\n{table}\n\n{sentence}{note}"


def corrections(base: BaseModel, pool: AdapterPool) -> Dataset:
    """The base's replies, corrected by the rules. None is held out."""
    examples = []
    originals = replies(base, pool, NO_ADAPTER, TAUGHT, TAUGHT_TOKENS)
    for prompt, original in zip(TAUGHT, originals, strict=True):
        wanted = apply_all(RULES, original)
        if wanted is not None and wanted != original:
            examples.append(make_example(prompt, wanted, revised_from=original))
    return build_dataset("ann", examples, held_out_share=0)


def fitted(
    base: BaseModel,
    pool: AdapterPool,
    dataset: Dataset,
    reference_replies: Sequence[tuple[str, str]],
) -> Arm:
    """Fit an adapter on the dataset from zero, and measure it."""
    pool.clear(SLOT)
    reports = fit(base, pool, SLOT, dataset.examples, (), CONFIG, lambda *_: None)
    answers = replies(base, pool, SLOT, UNSEEN, MEASURED_TOKENS)
    return Arm(
        steps=sum(phase.steps for phase in reports),
        reference_kl=measure_reference_kl(base, pool, SLOT, reference_replies),
        compliant=sum(all(rule.holds(each) for rule in RULES) for each in answers),
        loops=sum(map(is_repetitive, answers)),
    )


def replies(
    base: BaseModel, pool: AdapterPool, slot: int, prompts: Sequence[str], max_tokens: int
) -> list[str]:
    """Greedy replies to single prompts."""
    turns = [[Message("user", prompt)] for prompt in prompts]
    return greedy_replies(base, pool, slot, turns, max_tokens)


if __name__ == "__main__":
    main()
