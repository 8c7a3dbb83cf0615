"""Fits that are tried on other prompts: when they end, what the next one learns, which is kept."""

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
from scheduler.records import TrainingConfig
from scheduler.trainer import dagger
from scheduler.trainer.dagger import fit_with_dagger
from scheduler.trainer.parent_pipe import ParentPipe
from tests.scheduler.builders import make_dataset, make_job
from tests.scheduler.trainer.test_train import EXAMPLES, run, tiny_job

LOWER_CASE = (Rule("case", "lower"),)
PROBES = (("What is tea?", "It is tea. Ask Ann."), ("What is a cat?", "It is a cat. Ask Bob."))
SLOT = 1
[ROW] = make_dataset().examples
MISTAKE = replace(ROW, chosen="a mistake", source=ExampleSource.SYNTHETIC)


class Silent(ParentPipe):
    """Tells nobody."""

    def __init__(self) -> None:
        pass

    def enter(self, phase: str, begin: float, end: float) -> None:
        assert 0 <= begin <= end <= 1


class Fits:
    """Every fit writes its number into the slot."""

    def __init__(self, pool: AdapterPool) -> None:
        self._pool = pool
        self.taught: list[Sequence[TrainingExample]] = []

    def __call__(
        self, examples: Sequence[TrainingExample], config: TrainingConfig
    ) -> tuple[PhaseReport, ...]:
        self.taught.append(examples)
        with torch.no_grad():
            for weight in self._pool.a_parameters():
                weight[SLOT].fill_(len(self.taught))
        return (PhaseReport("supervised", 2.0, 1.0, len(self.taught)),)

    @property
    def kept(self) -> int:
        return int(self._pool.a_parameters()[0][SLOT].flatten()[0])


@pytest.fixture
def fits(tiny_base: BaseModel) -> Fits:
    return Fits(AdapterPool(tiny_base.model, LoraConfig(rank=2, alpha=4.0), num_slots=2))


Shares = Callable[..., list[tuple[PhaseReport, ...]]]


@pytest.fixture
def fit_with(tiny_base: BaseModel, fits: Fits, monkeypatch: pytest.MonkeyPatch) -> Shares:
    """Fit, where the trials come out with these shares of 100 replies as they should be."""

    def fitted(*shares: int, probes: int | None = None) -> list[tuple[PhaseReport, ...]]:
        trials = iter(
            [
                ComplianceResult(
                    (True,) * share + (False,) * (100 - share), (False,) * 100, (MISTAKE,)
                )
                for share in shares
            ]
        )
        monkeypatch.setattr(dagger, "roll_out", lambda *_: next(trials))
        job = replace(make_job("tiny", Path()), probes=(PROBES,) * (probes or len(shares)))
        reports, trial = fit_with_dagger(
            tiny_base, fits._pool, SLOT, [ROW], job, fits, Silent(), 0.8
        )
        assert trial is not None and trial.compliance_rate == max(shares) / 100
        return reports

    return fitted


def test_a_fit_that_is_as_wanted_is_the_only_one(fit_with: Shares, fits: Fits) -> None:
    reports = fit_with(95, probes=3)
    assert (len(fits.taught), len(reports), fits.kept) == (1, 1, 1)


def test_the_next_fit_has_the_mistakes_of_the_one_before(fit_with: Shares, fits: Fits) -> None:
    fit_with(50, 60, 65)
    assert fits.taught[:2] == [[ROW], (MISTAKE, ROW)]
    assert set(fits.taught[2]) == {MISTAKE, ROW}
    assert fits.kept == 3


def test_the_best_fit_is_kept_with_the_reports_that_led_to_it(fit_with: Shares, fits: Fits) -> None:
    reports = fit_with(50, 20, 40)
    assert (fits.kept, [phase.steps for (phase,) in reports]) == (1, [1])


def test_a_worse_fit_is_not_built_upon(fit_with: Shares, fits: Fits) -> None:
    reports = fit_with(50, 20, 60)
    assert (fits.kept, [phase.steps for (phase,) in reports]) == (3, [1, 3])


def test_without_prompts_to_try_it_on_there_is_one_fit(tiny_base: BaseModel, fits: Fits) -> None:
    fit_with_dagger(
        tiny_base, fits._pool, SLOT, [ROW], make_job("tiny", Path()), fits, Silent(), 0.8
    )
    assert (len(fits.taught), fits.kept) == (1, 1)


def test_the_same_rows_and_rules_make_the_same_bytes_and_others_without_rules(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    job = replace(
        tiny_job(tiny_model_folder),
        training=TrainingConfig(learning_rate=1e-3, max_steps=2),
        kl_replies=(),
        probes=(PROBES, PROBES),
        rules=LOWER_CASE,
    )
    jobs = (job, job, replace(job, rules=(), probes=()))
    written, again, without = (
        (
            run(each, build_dataset("ann", EXAMPLES), tmp_path / str(i))[0].adapter / WEIGHTS_FILE
        ).read_bytes()
        for i, each in enumerate(jobs)
    )
    assert written == again
    assert written != without
