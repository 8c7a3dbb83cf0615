"""TruthfulQA MC1 (Lin et al. 2022, arXiv 2109.07958): of all answers, which is the likeliest?

As in the paper's `truthfulqa/evaluate.py` and in lm-eval, an answer's score is the sum of the
log-probabilities of its tokens after the question, whatever its length, and only the true one may
have the highest. Unlike there, the question stands in the chat template, without examples before
it: as it is asked here, and as adapters are trained.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message
from scheduler.trainers.batches import collate, micro_batches, tokenise
from scheduler.trainers.losses import reply_log_probs

FILE = "truthfulqa_mc.json"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answers; `true` is the place of the one true answer."""

    id: str
    text: str
    answers: tuple[str, ...]
    true: int


def read_questions(file: Path) -> list[Question]:
    """The questions of `mc_task.json`."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [
        Question(
            f"truthfulqa-{number}",
            row["question"],
            tuple(row["mc1_targets"]),
            list(row["mc1_targets"].values()).index(1),
        )
        for number, row in enumerate(rows)
    ]


def is_true(question: Question, log_probs: Sequence[float]) -> bool:
    """Whether the true answer is the likeliest."""
    return max(range(len(log_probs)), key=log_probs.__getitem__) == question.true


@torch.no_grad()
def answer_log_probs(
    base: BaseModel, pool: AdapterPool, slot: int, questions: Sequence[Question]
) -> list[tuple[float, ...]]:
    """Of each question's answers the sums of their tokens' log-probabilities, in nats.

    The end of the turn is not part of an answer. Raises `ValueError` where one does not fit into
    the context.
    """
    rows = []
    for question in questions:
        for answer in question.answers:
            prompt = [Message("user", question.text)]
            row = tokenise(base.renderer, prompt, answer, base.context_length, is_cut=True)
            if row is None:
                raise ValueError(f"{question.id} does not fit into {base.context_length} tokens")
            rows.append(row)
    sums = [0.0] * len(rows)
    with pool.use(slot):
        for group in micro_batches([len(row.ids) for row in rows]):
            batch = collate([rows[i] for i in group], base.device)
            for i, value in zip(
                group, reply_log_probs(base, batch).sum(dim=1).tolist(), strict=True
            ):
                sums[i] = value
    scores = iter(sums)
    return [tuple(next(scores) for _ in question.answers) for question in questions]
