"""The real training child on the tiny model, run by the real `ProcessTrainer`."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from adapters_store.validate import validate_adapter
from feedback.examples.dataset import build_dataset
from feedback.records import Dataset
from scheduler.errors import TrainingFailedError
from scheduler.fit.lessons import Lessons
from scheduler.records import MemoryConfig, Progress, TrainingConfig
from scheduler.trainer.job import JobResult, TrainingJob
from scheduler.trainer.worker import ProcessTrainer
from tests.scheduler.fit.test_distillation import lessons
from tests.scheduler.training import make_example, make_rating

EXAMPLES = [make_example(f"question {i}", "the answer") for i in range(6)]


def tiny_job(model: Path) -> TrainingJob:
    """A quick fit of the tiny model."""
    return TrainingJob(
        base_path=str(model),
        base_model="tiny",
        base_revision="r0",
        device="cpu",
        dtype="float32",
        threads=1,
        lora=LoraConfig(rank=4, alpha=8.0),
        training=TrainingConfig(learning_rate=1e-2, max_steps=5),
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=(),
        reference_replies=(("Why?", "Because it is so."),),
        max_reference_kl=10.0,
        kl_replies=(("Who?", "Nobody knows."),),
    )


@pytest.fixture
def job(tiny_model_folder: Path) -> TrainingJob:
    return tiny_job(tiny_model_folder)


def run(job: TrainingJob, dataset: Dataset, folder: Path) -> tuple[JobResult, list[Progress]]:
    folder.mkdir()
    progress: list[Progress] = []
    result = ProcessTrainer(folder / "jobs", lambda: False, timeout=120).run(
        job,
        dataset,
        destination=_made(folder / "adapter"),
        on_progress=progress.append,
        is_cancelled=lambda: False,
    )
    return result, progress


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_job_leaves_a_valid_adapter_and_a_full_report(
    job: TrainingJob, tiny_base: BaseModel, tmp_path: Path
) -> None:
    result, progress = run(job, build_dataset("ann", EXAMPLES), tmp_path / "run")
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


def test_the_held_out_examples_are_added_in_one_pass(job: TrainingJob, tmp_path: Path) -> None:
    dataset = build_dataset("ann", EXAMPLES)
    result, _ = run(job, dataset, tmp_path / "run")
    most = job.training.min_passes * len(dataset.train)
    assert result.evaluation.steps <= most + len(dataset.examples)


def test_the_incumbent_is_measured_on_examples_that_it_was_not_trained_on(
    job: TrainingJob, tmp_path: Path
) -> None:
    dataset = build_dataset("ann", EXAMPLES)
    first, _ = run(job, dataset, tmp_path / "first")
    [held_out] = dataset.held_out
    others = tuple(e.id for e in EXAMPLES if e.id != held_out.id)
    challenger = replace(job, incumbent=str(first.adapter), incumbent_example_ids=others)
    result, _ = run(challenger, dataset, tmp_path / "second")
    assert result.evaluation.incumbent_examples == 1
    assert result.evaluation.incumbent_loss is not None
    knows_all = replace(challenger, incumbent_example_ids=tuple(e.id for e in EXAMPLES))
    result, _ = run(knows_all, dataset, tmp_path / "third")
    assert result.evaluation.incumbent_examples == 0


def test_dislikes_alone_are_fitted_and_measured(job: TrainingJob, tmp_path: Path) -> None:
    dislikes = [make_rating(f"question {i}", "an answer", is_liked=False) for i in range(6)]
    result, _ = run(job, build_dataset("ann", dislikes), tmp_path / "run")
    evaluation = result.evaluation
    assert (evaluation.held_out_examples, evaluation.held_out_loss_base) == (1, 0.5)
    assert evaluation.train_loss_after < evaluation.train_loss_before


def test_too_few_examples_are_fitted_without_held_out_ones(
    job: TrainingJob, tmp_path: Path
) -> None:
    result, progress = run(job, build_dataset("ann", EXAMPLES[:2]), tmp_path / "run")
    assert result.evaluation.held_out_examples == 0
    assert "adding the held-out examples" not in {p.phase for p in progress}
    assert load_file(result.adapter / "adapter_model.safetensors")


def test_a_fit_is_scaled_as_the_job_says(job: TrainingJob, tmp_path: Path) -> None:
    dataset = build_dataset("ann", EXAMPLES[:2])
    whole, half = (
        load_file(run(each, dataset, tmp_path / name)[0].adapter / "adapter_model.safetensors")
        for name, each in (("whole", job), ("half", replace(job, scale=0.5)))
    )
    factors = {"lora_A.weight": 1.0, "lora_B.weight": 0.5}
    for name, tensor in whole.items():
        [factor] = [f for end, f in factors.items() if name.endswith(end)]
        torch.testing.assert_close(half[name], factor * tensor)


def test_the_examples_of_a_large_dataset_are_scored_first(job: TrainingJob, tmp_path: Path) -> None:
    examples = [make_example(f"question {i}", f"the answer is {i}") for i in range(50)]
    quick = replace(job, training=TrainingConfig(max_steps=1, min_passes=1, batch_size=25))
    result, progress = run(quick, build_dataset("ann", examples), tmp_path / "run")
    assert "scoring the examples" in {p.phase for p in progress}
    assert set(result.rejections) <= {each.id for each in examples}
    assert result.evaluation.held_out_examples > 0


def test_a_bfloat16_base_is_measured_and_gets_a_bfloat16_adapter(
    job: TrainingJob, tmp_path: Path
) -> None:
    quick = replace(job, dtype="bfloat16", training=TrainingConfig(max_steps=1, min_passes=1))
    result, _ = run(quick, build_dataset("ann", EXAMPLES[:2]), tmp_path / "run")
    tensors = load_file(result.adapter / "adapter_model.safetensors").values()
    assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}
    assert result.evaluation.reference_kl >= 0


def test_a_missing_base_model_fails_with_the_reason(job: TrainingJob, tmp_path: Path) -> None:
    missing = replace(job, base_path=str(tmp_path / "nowhere"))
    with pytest.raises(TrainingFailedError, match="nowhere"):
        run(missing, build_dataset("ann", EXAMPLES), tmp_path / "run")


def test_a_job_with_lessons_learns_from_the_teacher(
    job: TrainingJob, tiny_base: BaseModel, tmp_path: Path
) -> None:
    taught, unseen = (
        lessons(tiny_base, [f"question {n}" for n in range(first, first + 4)]) for first in (0, 4)
    )
    training = replace(job.training, distillation_rate=1e-2, distillation_steps=20)
    lesson = replace(job, lessons=Lessons(taught, unseen), training=training)
    dataset = build_dataset("ann", EXAMPLES)
    result, progress = run(lesson, dataset, tmp_path / "run")
    again, _ = run(lesson, dataset, tmp_path / "again")
    evaluation = result.evaluation
    assert (evaluation.num_unseen, evaluation.num_closer) == (4, 4)
    assert evaluation.teacher_kl is not None and evaluation.teacher_kl_base is not None
    assert evaluation.teacher_kl < 0.5 * evaluation.teacher_kl_base
    assert evaluation.train_loss_after < evaluation.train_loss_before
    assert "learning from the teacher" in {each.phase for each in progress}
    weights = [each.adapter / "adapter_model.safetensors" for each in (result, again)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
