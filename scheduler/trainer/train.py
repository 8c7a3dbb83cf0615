"""One training job from its files to an adapter and a report: fit, prove, add the rest, measure.

Runs in the training child, which has one job and the whole process. Opens no database.
"""

import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from adapters_store.base_model import BaseModel, load_base_model
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import ADAPTER_DTYPE, AdapterPool
from adapters_store.peft_config import write_peft_config
from feedback.examples.dataset import read as read_dataset
from feedback.examples.dataset import without
from feedback.filters.by_loss import reject_by_loss, to_score
from feedback.filters.records import Rejection
from feedback.records import Dataset, TrainingExample
from scheduler.evaluation.few_shot_baseline import score_few_shot
from scheduler.evaluation.held_out import (
    chance_loss,
    comparisons,
    measure_reference_kl,
    score_preferences,
)
from scheduler.evaluation.rule_compliance import ComplianceResult
from scheduler.fit.cpu_attention import use_grouped_attention
from scheduler.fit.loop import PhaseReport, fit
from scheduler.fit.packed_linear import pack_linears
from scheduler.records import Evaluation, TrainingConfig
from scheduler.trainer.dagger import fit_with_dagger
from scheduler.trainer.job import ADAPTER_FOLDER, DATASET_FILE, TrainingJob, read_job, write_result
from scheduler.trainer.parent_pipe import ParentPipe
from scheduler.trainer.row_losses import row_losses

CANDIDATE, INCUMBENT = 1, 2
NUM_SLOTS = 3
ADDED_SLOWER = 10.0
"""By this the fit's learning rates are divided where the held-out rows are added."""

Phases = tuple[PhaseReport, ...]


@dataclass(frozen=True, slots=True)
class HeldOutReport:
    """Losses on rows that the fit has not seen yet: its own, those of memory alone, and those of
    the version in use on the ones that it never saw either. None where there are no such rows."""

    rows: int = 0
    comparisons: int = 0
    wins: int = 0
    wins_by_sum: int = 0
    base: float | None = None
    proof: float | None = None
    memory: float | None = None
    incumbent_examples: int = 0
    incumbent: float | None = None
    proof_on_incumbent_rows: float | None = None


def train(folder: Path, parent: ParentPipe) -> None:
    """Work the job in `folder`: fit on a split, prove, fit on everything, write, measure."""
    job = read_job(folder)
    dataset = read_dataset(folder / DATASET_FILE)
    _make_deterministic(job)
    base = _load_base(job)
    use_grouped_attention(base.model)
    # float32 adapters train well on a bfloat16 base; they are rounded when written.
    pool = AdapterPool(base.model, job.lora, NUM_SLOTS, dtype=torch.float32)
    pool.train_upper(job.training.train_top_fraction)
    prepare(pool, job)
    base_parameters = base.num_parameters
    pack_linears(base.model, pool)

    rejections = _rank(base, pool, dataset, job, parent)
    dataset = without(dataset, rejections)

    def fitted(examples: Sequence[TrainingExample], config: TrainingConfig) -> Phases:
        return fit(
            base,
            pool,
            CANDIDATE,
            examples,
            job.kl_replies,
            config,
            parent.report,
            is_warm=job.warm_start,
        )

    held_out = HeldOutReport()
    added: Phases = ()
    if dataset.held_out and dataset.train:
        reports, trial = fit_with_dagger(
            base, pool, CANDIDATE, dataset.train, job, fitted, parent, 0.8
        )
        held_out = _measure_held_out(base, pool, dataset, job)
        # The weights hold the other rows: one pass adds those that were held out, among as many.
        parent.enter("adding the held-out rows", 0.8, 0.9)
        among_others = _among_others(dataset, job.training.seed)
        added = fitted(among_others, _one_gentle_pass(job.training))
    else:
        reports, trial = fit_with_dagger(
            base, pool, CANDIDATE, dataset.examples, job, fitted, parent, 0.9
        )
    _write_adapter(folder / ADAPTER_FOLDER, pool, base, job)

    parent.enter("measuring drift", 0.9, 1.0)
    kl = measure_reference_kl(base, pool, CANDIDATE, job.reference_replies)
    write_result(
        folder,
        _evaluation(reports, added, held_out, kl, trial),
        _usage(base, pool, base_parameters),
        tuple(pool.layers),
        rejections,
    )


def prepare(pool: AdapterPool, job: TrainingJob) -> None:
    """Make the candidate's slot ready to train: empty, or as the version in use is."""
    if job.warm_start and job.incumbent is not None:
        pool.load(CANDIDATE, load_file(Path(job.incumbent) / WEIGHTS_FILE))
    else:
        pool.clear(CANDIDATE)


def _rank(
    base: BaseModel, pool: AdapterPool, dataset: Dataset, job: TrainingJob, parent: ParentPipe
) -> dict[str, Rejection]:
    """The examples of a large dataset that the base's losses speak against, on both sides."""
    scored = to_score(dataset.examples)
    if not scored:
        return {}
    parent.enter("comparing the rows", 0.0, 0.05)
    losses = row_losses(base, pool, scored, job.training.max_tokens)
    return reject_by_loss(dataset.examples, losses)


def _load_base(job: TrainingJob) -> BaseModel:
    return load_base_model(
        job.base_path,
        name=job.base_model,
        revision=job.base_revision,
        device=torch.device(job.device),
        dtype=getattr(torch, job.dtype),
    )


def _make_deterministic(job: TrainingJob) -> None:
    # Read by cuBLAS when it starts; without it torch refuses determinism on CUDA.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.training.seed)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before writing it; filling it first costs a pass over every tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _measure_held_out(
    base: BaseModel, pool: AdapterPool, dataset: Dataset, job: TrainingJob
) -> HeldOutReport:
    # A correction can make a supervised row and a pair: it is one judgement all the same.
    judgements = list({(e.prompt, e.reply): e for e in dataset.held_out}.values())
    found = score_preferences(base, pool, CANDIDATE, judgements, job.training)
    rows = [
        (example, chance_loss(example), after)
        for example, after in zip(judgements, found, strict=True)
        if after is not None
    ]
    if not rows:
        return HeldOutReport()
    held_out = [row[0] for row in rows]
    memory = score_few_shot(base, pool, held_out, dataset.train, job.memory, job.training)
    unseen, incumbent = _measure_incumbent(base, pool, held_out, job)
    compared = comparisons(held_out, [after.loss < before for _, before, after in rows])
    by_sum = comparisons(held_out, [after.wins_by_sum for *_, after in rows])
    return HeldOutReport(
        rows=len(rows),
        comparisons=len(compared),
        wins=sum(compared),
        wins_by_sum=sum(by_sum),
        base=_mean([before for _, before, _ in rows]),
        proof=_mean([after.loss for *_, after in rows]),
        memory=_mean([each.loss for each in memory if each is not None]),
        incumbent_examples=len(unseen),
        incumbent=incumbent,
        proof_on_incumbent_rows=_mean([after.loss for e, _, after in rows if e.id in unseen]),
    )


def _measure_incumbent(
    base: BaseModel, pool: AdapterPool, examples: list[TrainingExample], job: TrainingJob
) -> tuple[set[str], float | None]:
    """The rows that the version in use was not trained on, and its mean loss there."""
    unseen = [e for e in examples if e.id not in job.incumbent_example_ids]
    if job.incumbent is None or not unseen:
        return set(), None
    pool.load(INCUMBENT, load_file(Path(job.incumbent) / WEIGHTS_FILE))
    found = score_preferences(base, pool, INCUMBENT, unseen, job.training)
    return {e.id for e in unseen}, _mean([each.loss for each in found if each is not None])


def _one_gentle_pass(config: TrainingConfig) -> TrainingConfig:
    """The first steps of a new Adam move every weight by the whole rate, whatever the rows say; so
    a few rows at the rate of the fit would undo some of it."""
    return replace(config.slower(ADDED_SLOWER), max_steps=1, min_passes=1)


def _among_others(dataset: Dataset, seed: int) -> tuple[TrainingExample, ...]:
    """The held-out rows and as many of the others: by themselves they would pull the weights."""
    others = Random(seed).sample(dataset.train, min(len(dataset.train), len(dataset.held_out)))
    return (*dataset.held_out, *others)


def _write_adapter(folder: Path, pool: AdapterPool, base: BaseModel, job: TrainingJob) -> None:
    """Write the candidate, then read it back: what is measured is what will be served."""
    folder.mkdir()
    save_file(pool.read(CANDIDATE, ADAPTER_DTYPE), folder / WEIGHTS_FILE)
    write_peft_config(
        folder,
        lora=job.lora,
        base_model=job.base_model,
        base_revision=job.base_revision,
        targets=pool.target_modules,
    )
    pool.load(CANDIDATE, load_file(folder / WEIGHTS_FILE))


def _evaluation(
    reports: list[Phases],
    added: Phases,
    held_out: HeldOutReport,
    reference_kl: float,
    trial: ComplianceResult | None,
) -> Evaluation:
    # Losses of two phases cannot be compared, nor those of two fits, which have other rows.
    told = next(
        phase
        for name in ("supervised", "preference", "thumbs")
        for phase in reports[0]
        if phase.name == name
    )
    followed = tuple(zip(trial.follows, trial.base_follows, strict=True)) if trial else ()
    return Evaluation(
        held_out_examples=held_out.rows,
        held_out_comparisons=held_out.comparisons,
        held_out_wins=held_out.wins,
        held_out_wins_by_sum=held_out.wins_by_sum,
        held_out_loss_base=held_out.base,
        held_out_loss=held_out.proof,
        held_out_loss_few_shot=held_out.memory,
        incumbent_examples=held_out.incumbent_examples,
        incumbent_loss=held_out.incumbent,
        loss_on_incumbent_examples=held_out.proof_on_incumbent_rows,
        num_probes=len(followed),
        probe_part=trial.part if trial else 0,
        compliance=sum(ours for ours, _ in followed),
        base_compliance=sum(theirs for _, theirs in followed),
        reference_kl=reference_kl,
        train_loss_before=told.loss_before,
        train_loss_after=told.loss_after,
        added_loss=next((each.loss_after for each in added if each.name == told.name), None),
        steps=sum(phase.steps for report in (*reports, added) for phase in report),
    )


def _usage(base: BaseModel, pool: AdapterPool, base_parameters: int) -> dict[str, Any]:
    """What the run took; memory is that of the device which trained."""
    if base.device.type == "cuda":
        peak, name = torch.cuda.max_memory_allocated(), torch.cuda.get_device_name()
    else:
        peak, name = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "cpu"
    return {
        "device": name,
        "peak_memory_bytes": peak,
        "trainable_parameters": pool.trained_parameters,
        "trainable_share": pool.trained_parameters / base_parameters,
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
