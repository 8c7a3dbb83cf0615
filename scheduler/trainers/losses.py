"""The losses, as functions of log-probabilities. Formulas: docs/learning.md."""

import torch
import torch.nn.functional as F
from torch import Tensor

from adapters_store.base_model import BaseModel
from scheduler.trainers.batches import Batch


def reply_logits(base: BaseModel, batch: Batch) -> Tensor:
    """Logits of every token from the first reply on, [rows, tokens of the longest reply part,
    vocabulary], in the model's dtype.

    Runs the model with whatever slots its pool has in use.
    """
    # Logits are a sixth of the work for a small model: only those that predict replies are made.
    predicting = torch.arange(_first_reply(batch) - 1, batch.ids.shape[1] - 1)
    logits: Tensor = base.model(
        input_ids=batch.ids,
        attention_mask=batch.attention,
        logits_to_keep=predicting.to(batch.ids.device),
    ).logits
    return logits


def reply_log_probs(base: BaseModel, batch: Batch) -> Tensor:
    """Log-probability of every reply token, float32 [rows, tokens of the longest reply part].

    0 where a row has no reply token.
    """
    targets = batch.ids[:, _first_reply(batch) :]
    logits = reply_logits(base, batch).float()
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return -losses.view_as(targets) * batch.is_reply[:, -targets.shape[1] :]


def _first_reply(batch: Batch) -> int:
    return int(batch.is_reply.any(dim=0).int().argmax())


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
