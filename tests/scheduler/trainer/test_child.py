"""The real training child on the tiny model, run by the real `ProcessTrainer`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.validate import validate_adapter
from feedback.examples.dataset import build_dataset
from scheduler.errors import TrainingFailedError
from scheduler.trainer.job import JobResult
from scheduler.trainer.worker import ProcessTrainer
from tests.processes import newer_children
from tests.scheduler.trainer.jobs import EXAMPLES, run_in_child, tiny_job


def test_a_job_leaves_a_valid_adapter_and_a_full_report(
    tiny_model_folder: Path, tiny_base: BaseModel, tmp_path: Path
) -> None:
    job = tiny_job(tiny_model_folder)
    result, progress = run_in_child(job, build_dataset("ann", EXAMPLES), tmp_path / "run")
    pool = AdapterPool(tiny_base.model, job.lora, num_slots=2)
    validate_adapter(result.adapter, lora=job.lora, base_model="tiny", shapes=pool.shapes)
    evaluation = result.evaluation
    assert evaluation.held_out_examples == 1
    assert evaluation.train_loss_after < evaluation.train_loss_before
    assert evaluation.reference_kl > 0
    pool.train_upper(job.training.train_top_fraction)
    assert result.usage["trainable_share"] == pool.trained_parameters / tiny_base.num_parameters
    assert result.usage["peak_memory_bytes"] > 0
    assert result.usage["device_seconds"] > 0
    fractions = [p.fraction for p in progress]
    assert fractions == sorted(fractions)
    assert {"fitting", "adding the held-out examples"} <= {p.phase for p in progress}


def test_a_missing_base_model_fails_with_the_reason(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    missing = replace(tiny_job(tiny_model_folder), base_path=str(tmp_path / "nowhere"))
    with pytest.raises(TrainingFailedError, match="nowhere"):
        run_in_child(missing, build_dataset("ann", EXAMPLES), tmp_path / "run")


def test_two_users_are_trained_in_one_child(tiny_model_folder: Path, tmp_path: Path) -> None:
    job, own, most = tiny_job(tiny_model_folder), newer_children(), [0]
    trainer = ProcessTrainer(tmp_path / "jobs", lambda: False, 120.0, num_users=2)

    def train(user: str) -> JobResult:
        (tmp_path / user).mkdir()
        return trainer.run(
            job,
            build_dataset("ann", EXAMPLES),
            destination=tmp_path / user,
            on_progress=lambda progress: most.append(len(own())),
            is_cancelled=lambda: False,
        )

    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(train, ["ann", "bob"]))
    assert max(most) == 1
    for result in results:
        assert result.evaluation.train_loss_after < result.evaluation.train_loss_before
    assert own() == []
