"""The training child: `python -m scheduler.trainer_process FOLDER` fits and measures one adapter.

Reads the job's files, writes the adapter and the result beside them; tells its progress on standard
output and hears "pause" and "resume" on standard input, whose end ends it. Opens no database.
"""

import json
import logging
import os
import resource
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from adapters_store.base_model import BaseModel, load_base_model
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.peft_config import write_peft_config
from feedback.dataset import read as read_dataset
from feedback.records import Dataset, TrainingExample
from scheduler.anchors import anchors_for
from scheduler.evaluate import AnchorReport, anchor_report, example_losses
from scheduler.job import ADAPTER_FOLDER, DATASET_FILE, Job, read_job, write_result
from scheduler.records import Evaluation
from scheduler.trainers.loop import FitReport, fit

CANDIDATE, INCUMBENT = 1, 2
NUM_SLOTS = 3


class ParentLine:
    """The pipes to the parent: progress out; pause, resume and the parent's death in."""

    def __init__(self) -> None:
        self._may_run = threading.Event()
        self._may_run.set()
        self._phase = "starting"
        self._begin, self._end = 0.0, 0.0
        self.paused_seconds = 0.0
        threading.Thread(target=self._listen, daemon=True).start()

    def enter(self, phase: str, begin: float, end: float) -> None:
        """Begin a phase that spans this part of the whole run, both in 0..1."""
        self._phase, self._begin, self._end = phase, begin, end
        self._tell(begin, 0, 0, None)

    def report(self, step: int, steps: int, loss: float) -> None:
        """Tell how far the current phase is."""
        self._tell(self._begin + (self._end - self._begin) * step / steps, step, steps, loss)

    def wait_while_paused(self) -> None:
        """Return when the parent wants this process to compute."""
        began = time.monotonic()
        self._may_run.wait()
        self.paused_seconds += time.monotonic() - began

    def say(self, message: dict[str, Any]) -> None:
        """Write one line of JSON."""
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def _tell(self, fraction: float, step: int, steps: int, loss: float | None) -> None:
        progress = {
            "phase": self._phase,
            "fraction": fraction,
            "step": step,
            "steps": steps,
            "loss": loss,
        }
        self.say({"progress": progress})

    def _listen(self) -> None:
        for line in sys.stdin:
            if line == "pause\n":
                self._may_run.clear()
            elif line == "resume\n":
                self._may_run.set()
        os._exit(1)  # the parent is gone, and nobody waits for the result


@dataclass(frozen=True, slots=True)
class HeldOutReport:
    """Losses on rows that the fit has not seen yet, and those of the version in use on the ones
    that it never saw either. None where there are no such rows."""

    rows: int = 0
    wins: int = 0
    base: float | None = None
    proof: float | None = None
    incumbent_rows: int = 0
    incumbent: float | None = None
    proof_on_incumbent_rows: float | None = None


def train(folder: Path, parent: ParentLine) -> None:
    """Work the job in `folder`: fit on a split, prove, fit on everything, write, measure."""
    began = time.monotonic()
    job = read_job(folder)
    dataset = read_dataset(folder / DATASET_FILE)
    _make_deterministic(job)
    parent.enter("loading the model", 0.0, 0.05)
    base = _load_base(job)
    # float32 adapters train well on a bfloat16 base; they are rounded to its type when written.
    pool = AdapterPool(base.model, job.lora, NUM_SLOTS, dtype=torch.float32)

    pool.initialise(CANDIDATE, job.training.seed)

    reports, held_out = [], HeldOutReport()
    if dataset.held_out and dataset.train:
        parent.enter("fitting the training rows", 0.05, 0.6)
        reports.append(fit(base, pool, CANDIDATE, dataset.train, job.training, parent))
        held_out = _measure_held_out(base, pool, dataset, job)
    parent.enter("fitting all rows", 0.6 if reports else 0.05, 0.85)
    reports.append(fit(base, pool, CANDIDATE, dataset.examples, job.training, parent))
    _write_adapter(folder / ADAPTER_FOLDER, pool, base, job)

    parent.enter("measuring drift", 0.85, 1.0)
    anchors = anchors_for(base, pool, Path(job.anchors_cache))
    parent.wait_while_paused()
    drift = anchor_report(base, pool, CANDIDATE, anchors)
    seconds = time.monotonic() - began - parent.paused_seconds
    write_result(
        folder,
        _evaluation(reports, held_out, drift),
        _usage(base, pool, seconds),
        tuple(pool.layers),
    )


def _load_base(job: Job) -> BaseModel:
    return load_base_model(
        job.base_path,
        name=job.base_model,
        revision=job.base_revision,
        device=torch.device(job.device),
        dtype=getattr(torch, job.dtype),
    )


def _make_deterministic(job: Job) -> None:
    # Read by cuBLAS when it starts; without it torch refuses determinism on CUDA.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.training.seed)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before writing it; filling it first costs a pass over every tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False


def _measure_held_out(
    base: BaseModel, pool: AdapterPool, dataset: Dataset, job: Job
) -> HeldOutReport:
    # A correction can make a supervised row and a pair: it is one judgement all the same.
    judgements = list({(e.prompt, e.chosen): e for e in dataset.held_out}.values())

    def losses(slot: int) -> list[float | None]:
        return example_losses(base, pool, slot, judgements, job.training.max_tokens)

    rows = [
        (example, before, after)
        for example, before, after in zip(
            judgements, losses(NO_ADAPTER), losses(CANDIDATE), strict=True
        )
        if before is not None and after is not None
    ]
    if not rows:
        return HeldOutReport()
    unseen, incumbent = _measure_incumbent(base, pool, [row[0] for row in rows], job)
    return HeldOutReport(
        rows=len(rows),
        wins=sum(after < before for _, before, after in rows),
        base=_mean([before for _, before, _ in rows]),
        proof=_mean([after for _, _, after in rows]),
        incumbent_rows=len(unseen),
        incumbent=incumbent,
        proof_on_incumbent_rows=_mean([after for e, _, after in rows if e.id in unseen]),
    )


def _measure_incumbent(
    base: BaseModel, pool: AdapterPool, examples: list[TrainingExample], job: Job
) -> tuple[set[str], float | None]:
    """The rows that the version in use was not trained on, and its mean loss there."""
    unseen = [e for e in examples if e.id not in job.incumbent_example_ids]
    if job.incumbent is None or not unseen:
        return set(), None
    pool.load(INCUMBENT, load_file(Path(job.incumbent) / WEIGHTS_FILE))
    losses = example_losses(base, pool, INCUMBENT, unseen, job.training.max_tokens)
    return {e.id for e in unseen}, _mean([loss for loss in losses if loss is not None])


def _write_adapter(folder: Path, pool: AdapterPool, base: BaseModel, job: Job) -> None:
    """Write the candidate, then read it back: what is measured is what will be served."""
    folder.mkdir()
    save_file(pool.read(CANDIDATE, base.dtype), folder / WEIGHTS_FILE)
    write_peft_config(
        folder,
        lora=job.lora,
        base_model=job.base_model,
        base_revision=job.base_revision,
        targets=pool.target_modules,
    )
    pool.load(CANDIDATE, load_file(folder / WEIGHTS_FILE))


def _evaluation(
    reports: list[FitReport], held_out: HeldOutReport, drift: AnchorReport
) -> Evaluation:
    return Evaluation(
        held_out_rows=held_out.rows,
        held_out_wins=held_out.wins,
        held_out_loss_base=held_out.base,
        held_out_loss_proof=held_out.proof,
        incumbent_rows=held_out.incumbent_rows,
        incumbent_loss=held_out.incumbent,
        incumbent_rows_loss_proof=held_out.proof_on_incumbent_rows,
        anchor_kl=drift.kl,
        repetition_base=drift.repetition_base,
        repetition_candidate=drift.repetition_adapter,
        train_loss_before=reports[0].loss_before,
        train_loss_after=reports[-1].loss_after,
        steps=sum(report.steps for report in reports),
    )


def _usage(base: BaseModel, pool: AdapterPool, seconds: float) -> dict[str, Any]:
    """What the run took; memory is that of the device which trained."""
    if base.device.type == "cuda":
        peak, name = torch.cuda.max_memory_allocated(), torch.cuda.get_device_name()
    else:
        peak, name = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "cpu"
    return {
        "device": name,
        "device_seconds": round(seconds, 2),
        "peak_memory_bytes": peak,
        "trainable_parameters": pool.slot_parameters,
        "trainable_share": pool.slot_parameters / base.num_parameters,
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def main() -> None:
    """Work one job and say so."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    parent = ParentLine()
    train(Path(sys.argv[1]), parent)
    parent.say({"done": True})


if __name__ == "__main__":
    main()
