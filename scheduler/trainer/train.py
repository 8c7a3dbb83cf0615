"""One training job, from its files to an adapter and a report. Runs in the training child.

Its fits share passes with those of other jobs; it measures alone.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from scheduler.evaluation.teacher_gap import TeacherGap, measure_gap
from scheduler.fit.cpu_attention import use_grouped_attention
from scheduler.fit.lessons import Lessons
from scheduler.fit.loop import PhaseReport, distil, fit
from scheduler.fit.passes import Steps
from scheduler.fit.trained_model import TrainedModel
from scheduler.records import Evaluation, TrainingConfig
from scheduler.trainer.dagger import fit_with_dagger
from scheduler.trainer.example_losses import example_losses
from scheduler.trainer.job import ADAPTER_FOLDER, DATASET_FILE, TrainingJob, write_result
from scheduler.trainer.parent_pipe import Reporter
from scheduler.trainer.peak_memory import peak_memory

INCUMBENT = 1
"""The slot of the version in use, while a job compares itself with it."""
FIRST_CANDIDATE = 2
ADDED_SLOWER = 10.0
"""Adding the held-out examples divides the fit's learning rates by this."""

Phases = tuple[PhaseReport, ...]


@dataclass(frozen=True, slots=True)
class HeldOutReport:
    """The fields of an `Evaluation` that are measured on held-out examples."""

    held_out_examples: int = 0
    held_out_comparisons: int = 0
    held_out_wins: int = 0
    held_out_wins_by_sum: int = 0
    held_out_loss_base: float | None = None
    held_out_loss: float | None = None
    held_out_loss_few_shot: float | None = None
    incumbent_examples: int = 0
    incumbent_loss: float | None = None
    loss_on_incumbent_examples: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the fits report: those that led to the weights, and the one that `added` examples."""

    reports: list[Phases]
    added: Phases
    held_out: HeldOutReport
    compliance: ComplianceResult | None


def set_up(job: TrainingJob, num_users: int = 1) -> TrainedModel:
    """Load the base of a job, with an adapter slot for each of so many users at once."""
    _make_deterministic(job)
    base = _load_base(job)
    use_grouped_attention(base.model)
    # float32 adapters train well on a bfloat16 base; they are rounded when written.
    pool = AdapterPool(base.model, job.lora, FIRST_CANDIDATE + num_users, dtype=torch.float32)
    pool.train_upper(job.training.train_top_fraction)
    return TrainedModel(base, pool)


def train(
    model: TrainedModel, slot: int, job: TrainingJob, folder: Path, reporter: Reporter
) -> Steps[None]:
    """Work the job in `folder` in a slot: fit or distil, write the adapter, measure it."""
    base, pool = model.base, model.pool
    width = base.model.config.get_text_config().hidden_size
    job = replace(job, training=job.training.for_width(width))
    dataset = read_dataset(folder / DATASET_FILE)
    prepare(pool, slot, job)

    rejections = _reject_by_loss(base, pool, dataset, job, reporter)
    dataset = without(dataset, rejections)

    if job.lessons is None:
        fitted = yield from _fit_examples(model, slot, dataset, job, reporter)
    else:
        fitted = yield from _distil(model, slot, job.lessons, job, reporter)
    _write_adapter(folder / ADAPTER_FOLDER, pool, slot, base, job)

    reporter.enter("measuring drift", 0.9, 1.0)
    gap = measure_gap(base, pool, slot, job.lessons.unseen if job.lessons else ())
    kl = measure_reference_kl(base, pool, slot, job.reference_replies)
    write_result(
        folder, _evaluation(fitted, gap, kl), _usage(base, pool), tuple(pool.layers), rejections
    )


def prepare(pool: AdapterPool, slot: int, job: TrainingJob) -> None:
    """Make a slot ready to train: empty, or with the weights of the incumbent."""
    if job.warm_start and job.incumbent is not None:
        pool.load(slot, load_file(Path(job.incumbent) / WEIGHTS_FILE))
    else:
        pool.clear(slot)


def _fit_examples(
    model: TrainedModel, slot: int, dataset: Dataset, job: TrainingJob, reporter: Reporter
) -> Steps[Fitted]:
    """Fit to the training split, measure on the held-out one, and add it."""

    def fit_candidate(examples: Sequence[TrainingExample], config: TrainingConfig) -> Steps[Phases]:
        kl, is_warm = job.kl_replies, job.warm_start
        return fit(model, slot, examples, kl, config, reporter.report, is_warm=is_warm)

    is_split = bool(dataset.held_out and dataset.train)
    examples, end = (dataset.train, 0.8) if is_split else (dataset.examples, 0.9)
    reports, compliance = yield from fit_with_dagger(
        model.base, model.pool, slot, examples, job, fit_candidate, reporter, end
    )
    model.pool.scale(slot, job.scale)
    if not is_split:
        return Fitted(reports, (), HeldOutReport(), compliance)
    held_out = _measure_held_out(model.base, model.pool, slot, dataset, job)
    reporter.enter("adding the held-out examples", 0.8, 0.9)
    mixed = _held_out_with_others(dataset, job.training.seed)
    added = yield from fit_candidate(mixed, _one_slow_pass(job.training))
    return Fitted(reports, added, held_out, compliance)


def _distil(
    model: TrainedModel, slot: int, lessons: Lessons, job: TrainingJob, reporter: Reporter
) -> Steps[Fitted]:
    """Learn from the teacher, who was shown no held-out examples."""
    reporter.enter("learning from the teacher", 0.05, 0.9)
    phase = yield from distil(model, slot, lessons.taught, job.training, reporter.report)
    return Fitted([(phase,)], (), HeldOutReport(), None)


def _reject_by_loss(
    base: BaseModel, pool: AdapterPool, dataset: Dataset, job: TrainingJob, reporter: Reporter
) -> dict[str, Rejection]:
    scored = to_score(dataset.examples)
    if not scored:
        return {}
    reporter.enter("scoring the examples", 0.0, 0.05)
    losses = example_losses(base, pool, scored, job.training.max_tokens)
    return reject_by_loss(dataset.examples, losses)


def _load_base(job: TrainingJob) -> BaseModel:
    return load_base_model(
        job.base_path,
        name=job.base_model,
        revision=job.base_revision,
        device=torch.device(job.device),
        dtype=getattr(torch, job.dtype),
        precision=job.precision,
        packed=Path(job.packed) if job.packed else None,
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
    base: BaseModel, pool: AdapterPool, slot: int, dataset: Dataset, job: TrainingJob
) -> HeldOutReport:
    # A correction can make a supervised example and a pair: it counts once.
    unique = list({(each.messages, each.reply): each for each in dataset.held_out}.values())
    scores = score_preferences(base, pool, slot, unique, job.training)
    scored = [
        (example, chance_loss(example), score)
        for example, score in zip(unique, scores, strict=True)
        if score is not None
    ]
    if not scored:
        return HeldOutReport()
    held_out = [example for example, *_ in scored]
    few_shot = score_few_shot(base, pool, held_out, dataset.train, job.memory, job.training)
    unseen, incumbent_loss = _measure_incumbent(base, pool, held_out, job)
    compared = comparisons(held_out, [score.loss < chance for _, chance, score in scored])
    by_sum = comparisons(held_out, [score.wins_by_sum for *_, score in scored])
    return HeldOutReport(
        held_out_examples=len(scored),
        held_out_comparisons=len(compared),
        held_out_wins=sum(compared),
        held_out_wins_by_sum=sum(by_sum),
        held_out_loss_base=_mean([chance for _, chance, _ in scored]),
        held_out_loss=_mean([score.loss for *_, score in scored]),
        held_out_loss_few_shot=_mean([each.loss for each in few_shot if each is not None]),
        incumbent_examples=len(unseen),
        incumbent_loss=incumbent_loss,
        loss_on_incumbent_examples=_mean([s.loss for e, _, s in scored if e.id in unseen]),
    )


def _measure_incumbent(
    base: BaseModel, pool: AdapterPool, examples: list[TrainingExample], job: TrainingJob
) -> tuple[set[str], float | None]:
    """The examples that the incumbent was not trained on, by id, and its mean loss there."""
    unseen = [e for e in examples if e.id not in job.incumbent_example_ids]
    if job.incumbent is None or not unseen:
        return set(), None
    pool.load(INCUMBENT, load_file(Path(job.incumbent) / WEIGHTS_FILE))
    scores = score_preferences(base, pool, INCUMBENT, unseen, job.training)
    return {e.id for e in unseen}, _mean([each.loss for each in scores if each is not None])


def _held_out_with_others(dataset: Dataset, seed: int) -> tuple[TrainingExample, ...]:
    """The held-out examples and as many others: alone they would pull the weights."""
    others = Random(seed).sample(dataset.train, min(len(dataset.train), len(dataset.held_out)))
    return (*dataset.held_out, *others)


def _one_slow_pass(config: TrainingConfig) -> TrainingConfig:
    """One pass, at a lower rate: the full one would undo some of the fit.

    Adam's first steps move every weight by the whole rate, whatever the gradients are.
    """
    return replace(config.slower(ADDED_SLOWER), max_steps=1, min_passes=1)


def _write_adapter(
    folder: Path, pool: AdapterPool, slot: int, base: BaseModel, job: TrainingJob
) -> None:
    """Write the candidate, then read it back, so that the drift is that of the served weights."""
    folder.mkdir()
    save_file(pool.read(slot, ADAPTER_DTYPE), folder / WEIGHTS_FILE)
    write_peft_config(
        folder,
        lora=job.lora,
        base_model=job.base_model,
        base_revision=job.base_revision,
        targets=pool.target_modules,
    )
    pool.load(slot, load_file(folder / WEIGHTS_FILE))


def _evaluation(fitted: Fitted, gap: TeacherGap, reference_kl: float) -> Evaluation:
    # One phase of the first fit: losses of other phases or other examples cannot be compared.
    first = next(
        phase
        for name in ("distillation", "supervised", "preference", "ratings")
        for phase in fitted.reports[0]
        if phase.name == name
    )
    compliance, added = fitted.compliance, fitted.added
    return Evaluation(
        **asdict(fitted.held_out),
        **asdict(gap),
        num_probes=len(compliance.follows) if compliance else 0,
        probe_round=compliance.part if compliance else 0,
        compliance=sum(compliance.follows) if compliance else 0,
        base_compliance=sum(compliance.base_follows) if compliance else 0,
        reference_kl=reference_kl,
        train_loss_before=first.loss_before,
        train_loss_after=first.loss_after,
        added_loss=next((each.loss_after for each in added if each.name == first.name), None),
        steps=sum(phase.steps for report in (*fitted.reports, added) for phase in report),
    )


def _usage(base: BaseModel, pool: AdapterPool) -> dict[str, Any]:
    """The resources that the run used."""
    is_on_gpu = base.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if is_on_gpu else "cpu",
        "peak_memory_bytes": peak_memory(base.device),
        "trainable_parameters": pool.trained_parameters,
        "trainable_share": pool.trained_parameters / base.num_parameters,
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
