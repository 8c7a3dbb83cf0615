"""Builds the training job of a planned fit."""

from collections.abc import Callable
from pathlib import Path

from adapters_store.records import AdapterVersion
from feedback.records import ORGANISATION, ExampleKind
from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.records import MemoryConfig, PipelineConfig
from scheduler.retrain.warm_start import FitPlan
from scheduler.trainer.job import TrainingJob


def training_job(
    config: PipelineConfig,
    plan: FitPlan,
    active: AdapterVersion | None,
    incumbent: Path | None,
    references: ReferenceReplies,
    is_cancelled: Callable[[], bool],
) -> TrainingJob:
    """The job of a fit. `incumbent` is the folder of `active`, None if it is not compared with.

    Raises what the model raises that writes the reference replies.
    """
    learned = active.example_ids if active is not None and incumbent is not None else ()
    has_dislikes = any(each.kind is ExampleKind.UNDESIRABLE for each in plan.dataset.examples)
    return TrainingJob(
        base_path=config.base_path,
        base_model=config.base_model,
        base_revision=config.base_revision,
        device=config.device,
        dtype=config.dtype,
        threads=config.threads,
        lora=config.lora,
        training=plan.training,
        # Nobody's memory shows what the organisation learned.
        memory=MemoryConfig(0, 0) if plan.dataset.user_id == ORGANISATION else config.memory,
        incumbent=None if incumbent is None else str(incumbent.resolve()),
        incumbent_example_ids=learned,
        reference_replies=references.reference(is_cancelled),
        max_reference_kl=config.gate.max_reference_kl,
        # A fit stays close to these: not to those that drift is measured on.
        kl_replies=references.synthetic(is_cancelled) if plan.start or has_dislikes else (),
        warm_start=plan.start is not None,
        precision=config.precision,
        packed=config.packed,
    )
