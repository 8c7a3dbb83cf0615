"""What a fitted adapter still gets wrong by the user's rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.records import LoraConfig
from feedback.dataset import freeze
from feedback.edits.rule import Rule
from feedback.practice import PRACTICE
from scheduler.own_mistakes import TRIED_PROMPTS, own_mistakes
from scheduler.records import TrainingConfig
from tests.scheduler.test_trainer_process import EXAMPLES, run, tiny_job

LOWER_CASE = (Rule("case", "lower"),)


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LoraConfig(rank=4, alpha=8.0), num_slots=2)


def test_replies_that_break_a_rule_are_corrected_by_it(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    mistakes = own_mistakes(tiny_base, pool, NO_ADAPTER, LOWER_CASE, "ann", 6)
    assert mistakes
    for each in mistakes:
        assert each.revised_from is not None
        assert [LOWER_CASE[0].holds(text) for text in (each.revised_from, each.chosen)] == [
            False,
            True,
        ]
        assert each.prompt[-1].content in TRIED_PROMPTS[:6]
        assert (each.user_id, each.source) == ("ann", PRACTICE)


def test_without_rules_there_are_no_mistakes(tiny_base: BaseModel, pool: AdapterPool) -> None:
    assert own_mistakes(tiny_base, pool, NO_ADAPTER, (), "ann", 6) == ()


def test_no_prompts_turn_it_off(tiny_base: BaseModel, pool: AdapterPool) -> None:
    assert own_mistakes(tiny_base, pool, NO_ADAPTER, LOWER_CASE, "ann", 0) == ()


def test_the_same_rows_and_rules_make_the_same_bytes_and_others_without_rules(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    job = replace(
        tiny_job(tiny_model_folder),
        training=TrainingConfig(learning_rate=1e-3, max_steps=2, tried_prompts=4),
        kept=(),
        rules=LOWER_CASE,
    )
    jobs = (job, job, replace(job, rules=()))
    written, again, without = (
        (
            run(each, freeze("ann", EXAMPLES), tmp_path / str(i))[0].adapter / WEIGHTS_FILE
        ).read_bytes()
        for i, each in enumerate(jobs)
    )
    assert written == again
    assert written != without
