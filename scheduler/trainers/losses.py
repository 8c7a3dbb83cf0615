"""The losses, as functions of log-probabilities. Formulas: docs/learning.md."""

import torch
import torch.nn.functional as F
from torch import Tensor

from adapters_store.base_model import BaseModel
from scheduler.trainers.batches import Batch


def reply_log_probs(base: BaseModel, batch: Batch) -> Tensor:
    """Log-probability of every reply token, float32 [rows, tokens of the longest reply part].

    0 where a row has no reply token. Runs the model with whatever slots its pool has in use.
    """
    # Logits are a sixth of the work for a small model: only those that predict replies are made.
    first_reply = int(batch.is_reply.any(dim=0).int().argmax())
    kept = batch.ids.shape[1] - first_reply + 1
    logits = base.model(
        input_ids=batch.ids, attention_mask=batch.attention, logits_to_keep=kept
    ).logits[:, :-1]
    mask, targets = batch.is_reply[:, first_reply:], batch.ids[:, first_reply:]
    chosen = -F.cross_entropy(logits[mask].float(), targets[mask], reduction="none")
    return torch.zeros_like(targets, dtype=torch.float32).masked_scatter(mask, chosen)


def dpo_norm_loss(
    chosen: Tensor, rejected: Tensor, base_chosen: Tensor, base_rejected: Tensor, beta: float
) -> Tensor:
    """Length-normalised DPO, mean over pairs: -log sigmoid(beta (r+ - r-)).

    All inputs are mean log-probabilities per reply token, [pairs]; r is that of the adapter minus
    that of the base (Rafailov et al. 2023, equation 7; length-normalised as Tulu 3, section 5.1).
    """
    margin = (chosen - base_chosen) - (rejected - base_rejected)
    return -F.logsigmoid(beta * margin).mean()


def supervised_loss(log_probs: Tensor, batch: Batch) -> Tensor:
    """Weighted sum of the negative log-likelihood of the reply tokens: -sum w log p."""
    weights = batch.weights[:, batch.ids.shape[1] - log_probs.shape[1] :]
    return -(weights * log_probs).sum()


def mean_per_token(log_probs: Tensor, batch: Batch) -> Tensor:
    """Mean log-probability per reply token of each row, [rows]."""
    return log_probs.sum(dim=1) / batch.is_reply.sum(dim=1)
