"""What training computes, on the tiny model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adapters_store.base_model import BaseModel
from feedback.examples.dataset import build_dataset
from scheduler.fit.lessons import Lessons
from scheduler.records import TrainingConfig
from scheduler.trainer.job import TrainingJob
from tests.scheduler.fit.test_distillation import lessons
from tests.scheduler.trainer.jobs import EXAMPLES, run, tiny_job
from tests.scheduler.training import make_example, make_rating


@pytest.fixture
def job(tiny_model_folder: Path) -> TrainingJob:
    return tiny_job(tiny_model_folder)


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
    result, phases = run(job, build_dataset("ann", EXAMPLES[:2]), tmp_path / "run")
    assert result.evaluation.held_out_examples == 0
    assert "adding the held-out examples" not in phases
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
    result, phases = run(quick, build_dataset("ann", examples), tmp_path / "run")
    assert "scoring the examples" in phases
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


def test_a_job_with_lessons_learns_from_the_teacher(
    job: TrainingJob, tiny_base: BaseModel, tmp_path: Path
) -> None:
    taught, unseen = (
        lessons(tiny_base, [f"question {n}" for n in range(first, first + 4)]) for first in (0, 4)
    )
    training = replace(job.training, distillation_rate=1e-2, distillation_steps=20)
    lesson = replace(job, lessons=Lessons(taught, unseen), training=training)
    dataset = build_dataset("ann", EXAMPLES)
    result, phases = run(lesson, dataset, tmp_path / "run")
    again, _ = run(lesson, dataset, tmp_path / "again")
    evaluation = result.evaluation
    assert (evaluation.num_unseen, evaluation.num_closer) == (4, 4)
    assert evaluation.teacher_kl is not None and evaluation.teacher_kl_base is not None
    assert evaluation.teacher_kl < 0.5 * evaluation.teacher_kl_base
    assert evaluation.train_loss_after < evaluation.train_loss_before
    assert "learning from the teacher" in phases
    weights = [each.adapter / "adapter_model.safetensors" for each in (result, again)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
