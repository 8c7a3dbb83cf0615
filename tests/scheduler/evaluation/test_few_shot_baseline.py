"""The base with the user's examples in its prompt."""

from dataclasses import replace
from math import log

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import ExampleSource, Message, TrainingExample
from scheduler.evaluation.few_shot_baseline import score_few_shot
from scheduler.records import MemoryConfig, TrainingConfig
from tests.scheduler.builders import make_dataset

[CORRECTION] = make_dataset().examples
QUESTION = (Message("user", "What is tea?"),)
ASKED = replace(CORRECTION, messages=QUESTION, chosen="hot", revised_from="Cold!")


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LoraConfig(rank=2, alpha=4.0), num_slots=2)


def loss(
    base: BaseModel, pool: AdapterPool, *learned: TrainingExample, tokens: int = 64
) -> float | None:
    [only] = score_few_shot(base, pool, [ASKED], learned, MemoryConfig(tokens, 3), TrainingConfig())
    return None if only is None else only.loss


def test_without_examples_the_loss_is_that_of_the_base(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    assert loss(tiny_base, pool) == pytest.approx(log(2), abs=1e-5)
    assert loss(tiny_base, pool, CORRECTION, tokens=0) == pytest.approx(log(2), abs=1e-5)


def test_an_example_in_the_prompt_changes_the_loss(tiny_base: BaseModel, pool: AdapterPool) -> None:
    shown = loss(tiny_base, pool, CORRECTION)
    assert shown is not None
    assert shown != pytest.approx(log(2), abs=1e-5)


def test_synthetic_examples_are_not_in_memory(tiny_base: BaseModel, pool: AdapterPool) -> None:
    synthetic = replace(CORRECTION, feedback_ids=(), source=ExampleSource.SYNTHETIC)
    assert loss(tiny_base, pool, synthetic) == pytest.approx(log(2), abs=1e-5)
