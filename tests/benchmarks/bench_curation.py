"""A persona's noisy examples against those that the filters accept: which fit is the better one?

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_curation [--no-write]

Fits an adapter twice, one pass through the examples each, on the model of the settings, in process.
The prompts come from self-instruct (https://github.com/yizhongw/self-instruct, Apache-2.0): the
seeds to learn from, the user-oriented instructions to measure on. Says so if they are missing.
"""

import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
from rich.console import Console

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.filters.by_loss import reject_by_loss, to_score
from feedback.filters.records import DatedExample, Rejection, accepted, tally
from feedback.filters.run import run_filters
from feedback.records import TrainingExample
from feedback.rules.rule import Rule, apply_all
from scheduler.evaluation.held_out import reply_losses
from scheduler.fit.loop import fit
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import TrainingConfig
from scheduler.trainer.example_losses import example_losses
from server.settings import Settings
from tests.benchmarks.base import load_base
from tests.benchmarks.learning.prompts import TAUGHT, UNSEEN, data_folder
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.feedback.filters.make import make_row
from tests.scheduler.fit.together import alone

PERSONA = (Rule("case", "lower"), Rule("closing", " cheers, mate!"))
CLEAN, REPEATED, OVERRULED, UNREADABLE, MISMATCHED = 48, 14, 14, 6, 8
MEASURED = 40
MAX_WORDS = 40
CONFIG = TrainingConfig(max_steps=1, min_passes=1, max_tokens=256)
SLOT = 1


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt, the reply in the data, and that reply as the persona wants it."""

    prompt: str
    plain: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one fit: its size, and the losses on unseen prompts in nats per token."""

    examples: int
    steps: int
    seconds: float
    losses: list[float]


def main() -> None:
    """Measure, print and write the table."""
    folder = data_folder(TAUGHT, UNSEEN)
    if folder is None:
        print(f"Not measured: set EVAL_DATA to the folder that holds {TAUGHT} and {UNSEEN}.")
        return
    examples = noisy_examples(exchanges(folder / TAUGHT))
    unseen = [
        make_row(each.prompt, each.wanted).example for each in exchanges(folder / UNSEEN)[:MEASURED]
    ]
    text = measure(load_base(Settings(), Console()), examples, unseen)
    show_section("curation", text, is_written="--no-write" not in sys.argv)


def exchanges(file: Path) -> list[Exchange]:
    """The short exchanges of a self-instruct file to which the persona's rules apply."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        instance = task["instances"][0]
        prompt = "\n\n".join(filter(None, (task["instruction"], instance["input"])))
        plain = instance["output"].strip()
        wanted = apply_all(PERSONA, plain)
        is_short = len(plain.split()) <= MAX_WORDS and len(prompt.split()) <= 2 * MAX_WORDS
        if wanted is not None and is_short and len(plain.split()) >= 4:
            found.append(Exchange(prompt, plain, wanted))
    return found


def noisy_examples(known: Sequence[Exchange]) -> list[DatedExample]:
    """The persona's corrections, and older examples that should not be learned from."""
    choose = random.Random(0)
    clean, rest = known[:CLEAN], known[CLEAN:]
    examples = [make_row(e.prompt, e.wanted, at=1000.0, source="correction") for e in clean]
    examples += [
        make_row(e.prompt, f"{e.wanted} ", at=float(n)) for n, e in enumerate(clean[:REPEATED])
    ]
    examples += [make_row(e.prompt, e.plain, at=float(n)) for n, e in enumerate(clean[-OVERRULED:])]
    others = choose.sample(rest, UNREADABLE + MISMATCHED)
    examples += [make_row(e.prompt, unreadable(e.plain, choose)) for e in others[:UNREADABLE]]
    prompts = [e.prompt for e in others[UNREADABLE:]]
    replies = [e.plain for e in others[UNREADABLE:]]
    examples += [
        make_row(prompt, reply)
        for prompt, reply in zip(prompts, replies[1:] + replies[:1], strict=True)
    ]
    return examples


def unreadable(text: str, choose: random.Random) -> str:
    """The text with every fifth character or so lost in a wrong decoding."""
    return "".join("\ufffd" if choose.random() < 0.2 else character for character in text)


def measure(
    base: BaseModel, examples: Sequence[DatedExample], unseen: Sequence[TrainingExample]
) -> str:
    """The table, with the machine above it."""
    torch.manual_seed(0)
    pool = AdapterPool(base.model, Settings().lora, SLOT + 1, dtype=torch.float32)
    began = time.monotonic()
    chosen, rejections = filtered(base, pool, examples)
    took = time.monotonic() - began
    untrained = losses_of(base, pool, NO_ADAPTER, unseen)
    everything = trained(base, pool, [each.example for each in examples], unseen)
    less = trained(base, pool, chosen, unseen)
    wins = sum(a < b for a, b in zip(less.losses, everything.losses, strict=True))
    figures = [
        ("examples", str(everything.examples), str(less.examples), "fewer"),
        ("optimiser steps", str(everything.steps), str(less.steps), ""),
        ("seconds of the fit", f"{everything.seconds:.0f}", f"{less.seconds:.0f}", ""),
        (
            f"loss on {len(unseen)} unseen prompts, nats/token (base {mean(untrained):.3f})",
            f"{mean(everything.losses):.3f}",
            f"{mean(less.losses):.3f}",
            "no higher",
        ),
        ("of these prompts, better than the other", str(len(unseen) - wins), str(wins), ""),
    ]
    reasons = tally(len(examples), rejections)["rejected"]
    named = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    table = markdown_table(["figure", "all examples", "accepted examples", "wanted"], figures)
    return (
        f"Measured on {machine()}.\n\n{table}\n\n"
        f"Rejected in {took:.0f} s: {named}. Put in: {REPEATED} repeated, {OVERRULED} overruled,"
        f" {UNREADABLE} unreadable, {MISMATCHED} with the reply to another prompt."
    )


def filtered(
    base: BaseModel, pool: AdapterPool, examples: Sequence[DatedExample]
) -> tuple[list[TrainingExample], list[Rejection]]:
    """The examples that the filters accept, by text and by loss, and the rejections."""
    results = run_filters(examples)
    by_text = accepted(results)
    measured = example_losses(base, pool, to_score(by_text), CONFIG.max_tokens)
    late = reject_by_loss(by_text, measured)
    early = [result.rejection for result in results if result.rejection is not None]
    return [each for each in by_text if each.id not in late], [*early, *late.values()]


def trained(
    base: BaseModel,
    pool: AdapterPool,
    examples: Sequence[TrainingExample],
    unseen: Sequence[TrainingExample],
) -> Outcome:
    """Fit one pass through the examples from zero, and measure the losses."""
    pool.clear(SLOT)
    began = time.monotonic()
    model = TrainedModel(base, pool)
    reports = alone(model, fit(model, SLOT, examples, (), CONFIG, lambda step, steps, loss: None))
    seconds = time.monotonic() - began
    return Outcome(
        examples=len(examples),
        steps=sum(phase.steps for phase in reports),
        seconds=seconds,
        losses=losses_of(base, pool, SLOT, unseen),
    )


def losses_of(
    base: BaseModel, pool: AdapterPool, slot: int, examples: Sequence[TrainingExample]
) -> list[float]:
    """The losses of the replies that the persona wants, in nats per token."""
    losses = reply_losses(base, pool, slot, examples, CONFIG.max_tokens)
    return [loss for loss in losses if loss is not None]


if __name__ == "__main__":
    main()
