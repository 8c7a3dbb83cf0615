"""The scores of answers to a question."""

import json
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from feedback.records import Message
from tests.adapters import LORA, random_adapter
from tests.benchmarks.forgetting.truthfulqa import (
    FILE,
    Question,
    answer_log_probs,
    is_true,
    read_questions,
)

QUESTIONS = [
    Question("q1", "What is snow?", ("Frozen water.", "Salt", "A very long story of wolves"), 0),
    Question("q2", "Who flies?", ("Birds", "Nobody at all"), 0),
]


def test_an_answers_score_is_the_sum_of_its_tokens_log_probabilities(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, 1)
    for question in QUESTIONS:
        log_probs = answer_log_probs(tiny_base, pool, NO_ADAPTER, question)
        for answer, log_prob in zip(question.answers, log_probs, strict=True):
            prompt = tiny_base.renderer.prompt_ids([Message("user", question.text)])
            reply = tiny_base.renderer.text_ids(answer)
            with torch.no_grad():
                logits = tiny_base.model(input_ids=torch.tensor([prompt + reply])).logits[0]
            likely = logits.log_softmax(dim=-1)[len(prompt) - 1 : -1]
            expected = likely[torch.arange(len(reply)), torch.tensor(reply)].sum().item()
            assert log_prob == pytest.approx(expected, abs=1e-3)


def test_an_adapter_gives_answers_other_scores_than_the_base(tiny_base: BaseModel) -> None:
    pool = AdapterPool(tiny_base.model, LORA, 2)
    pool.load(1, random_adapter(pool.shapes, seed=1))
    base, adapter = (answer_log_probs(tiny_base, pool, slot, QUESTIONS[0]) for slot in (0, 1))
    assert base != adapter


def test_the_true_answer_must_have_the_highest_score() -> None:
    assert is_true(QUESTIONS[1], [-3.0, -4.0])
    assert not is_true(QUESTIONS[1], [-4.0, -3.0])


def test_questions_are_read_with_the_index_of_the_true_answer(tmp_path: Path) -> None:
    row = {"question": "What is snow?", "mc1_targets": {"Salt": 0, "Frozen water": 1}}
    (tmp_path / FILE).write_text(json.dumps([row]), encoding="utf-8")
    expected = Question("truthfulqa-0", "What is snow?", ("Salt", "Frozen water"), 1)
    assert read_questions(tmp_path / FILE) == [expected]
