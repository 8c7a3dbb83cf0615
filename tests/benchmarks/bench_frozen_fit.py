"""Fits 40 frozen examples from zero and prints the SHA-256 of the tensors.

A change that must not change learning has the same sum before and after, on one machine:

    python -m tests.benchmarks.bench_frozen_fit

The fit is that of the training child: ratings, corrections and preferences, three rounds on probe
prompts, the held-out examples, drift. int8 weights, float32 activations, two threads, the smallest
base. It is short and weak on purpose, so that every round finds mistakes to correct.
"""

import json
import os
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from adapters_store.files import WEIGHTS_FILE
from adapters_store.models.built_in import SMALLEST
from adapters_store.models.resolve import resolve_model
from adapters_store.records import LoraConfig
from feedback.examples.dataset import build_dataset, with_synthetic, write
from feedback.examples.repaired_dislikes import with_repaired_dislikes
from feedback.records import Dataset, ExampleKind, ExampleSource, Message, TrainingExample
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learn_rules
from scheduler.records import MemoryConfig, TrainingConfig
from scheduler.trainer.job import ADAPTER_FOLDER, DATASET_FILE, TrainingJob, write_job
from scheduler.trainer.parent_pipe import Reporter
from scheduler.trainer.train import FIRST_CANDIDATE, set_up, train
from server.settings import default_model_cache
from tests.scheduler.fit.together import alone

FROZEN = Path(__file__).parent / "frozen_fit"
WEAK = TrainingConfig(learning_rate=1e-3, max_steps=4, min_passes=1, batch_size=8)

Exchanges = tuple[tuple[str, str], ...]


class Progress(Reporter):
    """Shows the phases here; there is no parent process."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def enter(self, phase: str, begin: float, end: float) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {phase}", flush=True)

    def report(self, step: int, steps: int, loss: float) -> None:
        """Say nothing: the phases are enough."""


def frozen_example(row: dict[str, Any]) -> TrainingExample:
    """One line of the file, as an example."""
    fields = row | {
        "kind": ExampleKind(row["kind"]),
        "source": ExampleSource(row["source"]),
        "messages": tuple(Message(**each) for each in row["messages"]),
        "interaction_ids": tuple(row["interaction_ids"]),
        "feedback_ids": tuple(row["feedback_ids"]),
    }
    return TrainingExample(user_id="ann", **fields)


def frozen_dataset() -> tuple[Dataset, tuple[Rule, ...]]:
    """The dataset of the 40 examples, with its dislikes repaired, and the rules behind it."""
    lines = (FROZEN / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples = [frozen_example(json.loads(line)) for line in lines]
    synthetic = [each for each in examples if each.source is ExampleSource.SYNTHETIC]
    dataset = build_dataset("ann", [each for each in examples if each not in synthetic])
    rules = active_rules(learn_rules(dataset.train), ())
    dataset, _ = with_repaired_dislikes(with_synthetic(dataset, synthetic), rules)
    return dataset, tuple(rules)


def fit(folder: Path) -> None:
    """Leave the adapter in a sub-folder of `folder`, as the training child does."""
    source = resolve_model(SMALLEST, default_model_cache(), lambda phase, done, total: None)
    said = json.loads((FROZEN / "exchanges.json").read_text(encoding="utf-8"))

    def exchanges(pairs: list[list[str]]) -> Exchanges:
        return tuple((prompt, reply) for prompt, reply in pairs)

    dataset, rules = frozen_dataset()
    job = TrainingJob(
        base_path=str(source.path),
        base_model=source.name,
        base_revision="frozen",
        device="cpu",
        dtype="float32",
        threads=2,
        lora=LoraConfig(),
        training=WEAK,
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=(),
        reference_replies=exchanges(said["reference_replies"]),
        max_reference_kl=1.0,
        kl_replies=exchanges(said["kl_replies"]),
        probes=tuple(exchanges(part) for part in said["probes"]),
        rules=rules,
        precision="int8",
        packed=str(folder / "packed.safetensors"),
    )
    write_job(folder, job)
    write(dataset, folder / DATASET_FILE)
    model = set_up(job)
    alone(model, train(model, FIRST_CANDIDATE, job, folder, Progress()))


def digest(weights: Path) -> str:
    """The SHA-256 over names, types, shapes and bytes."""
    found = sha256()
    for name, tensor in sorted(load_file(weights).items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def main() -> None:
    os.environ["GOMP_SPINCOUNT"] = "2000"  # as the worker starts its child, for speed
    with tempfile.TemporaryDirectory() as name:
        fit(Path(name))
        print(digest(Path(name) / ADAPTER_FOLDER / WEIGHTS_FILE))


if __name__ == "__main__":
    main()
