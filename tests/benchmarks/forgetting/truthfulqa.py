"""TruthfulQA MC1 (Lin et al. 2022, arXiv 2109.07958): is the true answer the likeliest?

As in the paper's `truthfulqa/evaluate.py` and in lm-eval, an answer's score is the sum of the
log-probabilities of its tokens after the question, whatever its length, and the true one must have
the highest. Unlike there, the question is in the chat template, without examples before it, because
adapters are trained and served that way.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message

FILE = "truthfulqa_mc.json"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answers; `true` is the index of the one true answer."""

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
    base: BaseModel, pool: AdapterPool, slot: int, question: Question
) -> tuple[float, ...]:
    """The sum of the log-probabilities of each answer's tokens, in nats.

    The end of the turn is not part of an answer.
    """
    prompt = torch.tensor([base.renderer.prompt_ids([Message("user", question.text)])])
    answers = [base.renderer.text_ids(answer) for answer in question.answers]
    prompt, ids, is_answer = (each.to(base.device) for each in (prompt, *_padded(answers)))
    known = DynamicCache()
    with pool.use(slot):
        # The question is read once, and every answer after it.
        last = base.model(input_ids=prompt, past_key_values=known).logits[:, -1:]
        known.batch_repeat_interleave(len(answers))
        attended = torch.cat([torch.ones_like(prompt).expand(len(answers), -1), is_answer], dim=1)
        logits = base.model(input_ids=ids, attention_mask=attended, past_key_values=known).logits
    predicting = torch.cat([last.expand(len(answers), -1, -1), logits[:, :-1]], dim=1)
    losses = F.cross_entropy(predicting.float().flatten(0, 1), ids.flatten(), reduction="none")
    return tuple((-losses.view_as(ids) * is_answer).sum(dim=1).tolist())


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The ids, right-padded, and a mask of 1 for each id, 0 for padding; both [rows, longest]."""
    longest = max(map(len, rows))
    ids = [[*row, *[0] * (longest - len(row))] for row in rows]
    present = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(ids), torch.tensor(present)
