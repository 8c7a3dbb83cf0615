"""Everything that needs the loaded base model: the engine and the scheduler.

Importing this module takes seconds, because it imports PyTorch.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from adapters_store.generation_defaults import GenerationDefaults, generation_defaults
from adapters_store.models.resolve import ResolvedModel
from adapters_store.records import AdapterVersion, LoraConfig
from adapters_store.validate import validate_adapter
from scheduler.candidates import Candidates
from scheduler.evaluation.rollback import RollbackMonitor
from scheduler.evaluation.suite.service import SuiteService
from scheduler.evaluation.suite.suite import Suite
from scheduler.evaluation.suite.truthfulness import read_questions
from scheduler.records import MemoryConfig, PipelineConfig
from scheduler.retrain.pipeline import Pipeline
from scheduler.retrain.publication import Publisher
from scheduler.service import SchedulerService
from scheduler.trainer.cluster.trainer import RayTrainer
from scheduler.trainer.trainer import Trainer
from scheduler.trainer.worker import ProcessTrainer
from server.background.engine_served_model import EngineServedModel
from server.background.instruction_probe import InstructionProbe
from server.base_model.engines import base_form, build_engine
from server.engine.interface import Engine
from server.settings import Settings
from server.stores import Stores


@dataclass(frozen=True, slots=True)
class Runtime:
    """The loaded base model, and the services that use it.

    `sampling` is how replies are sampled where a request does not say.
    """

    model: ResolvedModel
    lora: LoraConfig
    engine: Engine
    scheduler: SchedulerService
    instruction_probe: InstructionProbe
    sampling: GenerationDefaults

    def fits(self, version: AdapterVersion) -> bool:
        """Whether a version was made for this base model and this adapter shape."""
        return (version.base_revision, version.lora) == (self.model.revision, self.lora)

    def verify(self, folder: Path) -> None:
        """Check an adapter before it is stored. Raises `AdapterInvalidError`."""
        verify_adapter(folder, model=self.model, lora=self.lora, engine=self.engine)

    def stop(self) -> None:
        """Stop training, then answering."""
        self.scheduler.stop()
        self.engine.stop()


def load_runtime(settings: Settings, model: ResolvedModel, stores: Stores) -> Runtime:
    """Load the base model and build what needs it, unstarted. Raises `ValueError`, `OSError`."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    engine, configured = build_engine(settings, model, stores)
    form = base_form(settings, model)
    pipeline_config = PipelineConfig(
        base_path=str(model.path),
        base_model=model.name,
        base_revision=model.revision,
        device=str(form.device),
        dtype=str(form.dtype).removeprefix("torch."),
        precision=form.precision,
        packed=str(form.packed) if form.packed else None,
        threads=settings.threads or os.cpu_count() or 1,
        replies_cache=str(stores.folder.reference_replies),
        lora=settings.lora,
        training=settings.training,
        gate=settings.gate,
        memory=MemoryConfig(settings.memory_tokens, settings.memory_demonstrations),
    )

    verify = partial(verify_adapter, model=model, lora=settings.lora, engine=engine)
    probe = InstructionProbe(engine, stores.folder.probes)
    scheduler = _scheduler(settings, stores, pipeline_config, verify, engine, probe)
    sampling = settings.sampling.over(generation_defaults(model.name, configured))
    return Runtime(model, settings.lora, engine, scheduler, probe, sampling)


def verify_adapter(folder: Path, *, model: ResolvedModel, lora: LoraConfig, engine: Engine) -> None:
    """Check that a folder holds an adapter of this deployment. Raises `AdapterInvalidError`."""
    validate_adapter(
        folder, lora=lora, base_model=model.name, base_revision=model.revision, shapes=engine.shapes
    )


def _scheduler(
    settings: Settings,
    stores: Stores,
    config: PipelineConfig,
    verify: Callable[[Path], None],
    engine: Engine,
    probe: InstructionProbe,
) -> SchedulerService:
    publisher = Publisher(
        stores.database,
        registry=stores.registry,
        files=stores.files,
        runs=stores.runs,
        config=config,
        clock=time.time,
    )
    model = EngineServedModel(engine, stores.files, config.memory, probe)
    pipeline = Pipeline(
        log=stores.log,
        registry=stores.registry,
        files=stores.files,
        runs=stores.runs,
        trainer=_trainer(settings, stores.folder.jobs, engine),
        model=model,
        publisher=publisher,
        documents=stores.documents,
        verify=verify,
        config=config,
        clock=time.time,
    )
    return SchedulerService(
        candidates=Candidates(stores.unseen, stores.registry, stores.runs),
        runs=stores.runs,
        rollback_monitor=RollbackMonitor(
            stores.log, stores.registry, stores.unseen, clock=time.time
        ),
        pipeline=pipeline,
        suite=_suite(settings, stores, config, model),
        policy_config=settings.policy,
        schedule=settings.schedule,
        clock=time.time,
        parallel_runs=(
            settings.ray.parallel_runs
            if settings.trainer == "ray"
            else settings.training_batch_users
        ),
        has_organisation=settings.organisation,
    )


def _trainer(settings: Settings, jobs: Path, engine: Engine) -> Trainer:
    if settings.trainer == "ray":
        return RayTrainer(jobs, settings.ray, settings.run_timeout)
    return ProcessTrainer(
        jobs,
        lambda: engine.is_busy,
        settings.run_timeout,
        num_users=settings.training_batch_users,
    )


def _suite(
    settings: Settings, stores: Stores, config: PipelineConfig, model: EngineServedModel
) -> SuiteService:
    data = settings.evaluation_data
    suite = Suite(
        model,
        revision=config.base_revision,
        cache=stores.folder.reference_replies,
        config=settings.suite,
        more_questions=read_questions(data) if data else (),
    )
    return SuiteService(
        suite=suite,
        store=stores.suite_runs,
        registry=stores.registry,
        trainings=stores.runs,
        base_revision=config.base_revision,
        lora=config.lora,
        is_nightly=settings.suite.nightly,
        clock=time.time,
    )
