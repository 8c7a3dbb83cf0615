"""Rounds of fits: when they end, what the next one learns, which one is kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.examples.dataset import build_dataset
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.rule import Rule
from scheduler.evaluation.rule_compliance import ComplianceResult
from scheduler.fit.loop import PhaseReport
from scheduler.fit.passes import Steps, T
from scheduler.records import TrainingConfig
from scheduler.trainer import dagger
from scheduler.trainer.dagger import fit_with_dagger
from tests.scheduler.builders import make_dataset, make_job
from tests.scheduler.trainer.jobs import EXAMPLES, Recorder, run, run_in_child, tiny_job

LOWER_CASE = (Rule("case", "lower"),)
PROBES = (("What is tea?", "It is tea. Ask Ann."), ("What is a cat?", "It is a cat. Ask Bob."))
SLOT = 1
[EXAMPLE] = make_dataset().examples
MISTAKE = replace(EXAMPLE, chosen="a mistake", source=ExampleSource.SYNTHETIC)


class Fits:
    """Writes each fit's number into the slot."""

    def __init__(self, pool: AdapterPool) -> None:
        self._pool = pool
        self.taught: list[Sequence[TrainingExample]] = []

    def __call__(
        self, examples: Sequence[TrainingExample], config: TrainingConfig
    ) -> Steps[tuple[PhaseReport, ...]]:
        self.taught.append(examples)
        with torch.no_grad():
            for layer in self._pool.layers.values():
                layer.A[SLOT].fill_(len(self.taught))
        yield from ()
        return (PhaseReport("supervised", 2.0, 1.0, len(self.taught)),)

    @property
    def in_slot(self) -> int:
        return int(next(iter(self._pool.layers.values())).A[SLOT].flatten()[0])


@pytest.fixture
def fits(tiny_base: BaseModel) -> Fits:
    return Fits(AdapterPool(tiny_base.model, LoraConfig(rank=2, alpha=4.0), num_slots=2))


def result_of(steps: Steps[T]) -> T:
    """What work returns that asks for no pass."""
    with pytest.raises(StopIteration) as end:
        next(steps)
    result: T = end.value.value
    return result


FitWith = Callable[..., list[tuple[PhaseReport, ...]]]


@pytest.fixture
def fit_with(tiny_base: BaseModel, fits: Fits, monkeypatch: pytest.MonkeyPatch) -> FitWith:
    """Fit in rounds whose probes follow the rules in so many of 100 replies."""

    def fitted(*percentages: int, probes: int | None = None) -> list[tuple[PhaseReport, ...]]:
        results = iter(
            [
                ComplianceResult(
                    (True,) * percent + (False,) * (100 - percent), (False,) * 100, (MISTAKE,)
                )
                for percent in percentages
            ]
        )
        monkeypatch.setattr(dagger, "roll_out", lambda *_: next(results))
        job = replace(make_job("tiny", Path()), probes=(PROBES,) * (probes or len(percentages)))
        reports, compliance = result_of(
            fit_with_dagger(tiny_base, fits._pool, SLOT, [EXAMPLE], job, fits, Recorder(), 0.8)
        )
        assert compliance is not None
        assert compliance.compliance_rate == max(percentages) / 100
        return reports

    return fitted


def test_no_round_follows_a_fit_that_complies_enough(fit_with: FitWith, fits: Fits) -> None:
    reports = fit_with(95, probes=3)
    assert (len(fits.taught), len(reports), fits.in_slot) == (1, 1, 1)


def test_the_next_fit_learns_the_mistakes_of_the_one_before(fit_with: FitWith, fits: Fits) -> None:
    fit_with(50, 60, 65)
    assert fits.taught[:2] == [[EXAMPLE], (MISTAKE, EXAMPLE)]
    assert set(fits.taught[2]) == {MISTAKE, EXAMPLE}
    assert fits.in_slot == 3


def test_the_best_fit_stays_in_the_slot_with_the_reports_that_led_to_it(
    fit_with: FitWith, fits: Fits
) -> None:
    reports = fit_with(50, 20, 40)
    assert (fits.in_slot, [phase.steps for (phase,) in reports]) == (1, [1])


def test_no_round_continues_from_a_worse_fit(fit_with: FitWith, fits: Fits) -> None:
    reports = fit_with(50, 20, 60)
    assert (fits.in_slot, [phase.steps for (phase,) in reports]) == (3, [1, 3])


def test_without_probes_there_is_one_fit(tiny_base: BaseModel, fits: Fits) -> None:
    job = make_job("tiny", Path())
    result_of(fit_with_dagger(tiny_base, fits._pool, SLOT, [EXAMPLE], job, fits, Recorder(), 0.8))
    assert (len(fits.taught), fits.in_slot) == (1, 1)


def test_equal_examples_and_rules_give_equal_bytes_and_no_rules_others(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    job = replace(
        tiny_job(tiny_model_folder),
        training=TrainingConfig(learning_rate=1e-3, max_steps=2),
        kl_replies=(),
        probes=(PROBES, PROBES),
        rules=LOWER_CASE,
    )
    dataset = build_dataset("ann", EXAMPLES)
    # Text has other hashes in the child, so sets have another order.
    results = (
        run_in_child(job, dataset, tmp_path / "child")[0],
        run(job, dataset, tmp_path / "here")[0],
        run(replace(job, rules=(), probes=()), dataset, tmp_path / "without rules")[0],
    )
    first, second, without_rules = ((each.adapter / WEIGHTS_FILE).read_bytes() for each in results)
    assert first == second
    assert first != without_rules
