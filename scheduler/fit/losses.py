"""The losses, as functions of log-probabilities. Formulas: docs/learning.md."""

import torch
import torch.nn.functional as F
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from scheduler.fit.batching import Batch


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
        use_cache=False,
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


def dpo_losses(chosen: Tensor, rejected: Tensor, beta: float, flip_rates: Tensor) -> Tensor:
    """Robust DPO of each pair, [pairs] as all inputs but `beta`.

    [-(1 - e) log sigmoid(beta (r+ - r-)) + e log sigmoid(-beta (r+ - r-))] / (1 - 2 e), where
    `chosen` and `rejected` are the log-ratios r, `log_ratios` of the two replies, and e below 0.5
    is how often such a pair says the opposite of what was meant. Without such flips it is DPO
    (Rafailov et al. 2023, equation 7); with them it is an unbiased estimate of DPO on what was
    meant (Chowdhury et al. 2024, arXiv 2403.00409). Then it has no lower bound: stop early.
    """
    margin = beta * (chosen - rejected)
    meant, flipped = -F.logsigmoid(margin), -F.logsigmoid(-margin)
    return ((1 - flip_rates) * meant - flip_rates * flipped) / (1 - 2 * flip_rates)


def apo_zero_losses(ratios: Tensor, beta: float, is_desirable: Tensor) -> Tensor:
    """APO-zero of each single reply, [rows]: 1 - sigmoid(beta r) where it is desirable, else
    sigmoid(beta r); r is its log-ratio.

    D'Oosterlinck et al. 2024, arXiv 2408.06266, equation 7, each term by itself. 0.5 for the base,
    between 0 and 1 however far a reply is pushed away, and it needs no second row.
    """
    return torch.sigmoid(beta * torch.where(is_desirable, -ratios, ratios))


def log_ratios(base: BaseModel, pool: AdapterPool, batch: Batch) -> tuple[Tensor, Tensor]:
    """Each reply's r and log-probability under the adapter in use, means per token, both [rows].

    r is the log-probability minus that under the base, which is the same model without adapter.
    Means, not sums, are the length normalisation of Tulu 3 (Lambert et al. 2024, section 5.1).
    """
    with torch.no_grad(), pool.use(NO_ADAPTER):
        reference = mean_per_token(reply_log_probs(base, batch), batch)
    log_probs = mean_per_token(reply_log_probs(base, batch), batch)
    return log_probs - reference, log_probs


def kl_from_base(base: BaseModel, pool: AdapterPool, batch: Batch) -> Tensor:
    """KL(adapter in use || base) over the vocabulary, mean over the batch's reply tokens."""
    with torch.no_grad(), pool.use(NO_ADAPTER):
        reference = _reply_distributions(base, batch)
    adapter = _reply_distributions(base, batch)
    return F.kl_div(reference, adapter, reduction="batchmean", log_target=True)


def _reply_distributions(base: BaseModel, batch: Batch) -> Tensor:
    """Log-probabilities of the whole vocabulary where reply tokens are, float32 [tokens, words]."""
    logits = reply_logits(base, batch)
    return F.log_softmax(logits[batch.is_reply[:, -logits.shape[1] :]].float(), dim=-1)


def supervised_losses(log_probs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weighted mean negative log-likelihood of each row's reply tokens, -sum w log p / sum w, and
    the sum of its weights, both [rows]."""
    weights = batch.weights[:, batch.ids.shape[1] - log_probs.shape[1] :]
    totals = weights.sum(dim=1)
    return -(weights * log_probs).sum(dim=1) / totals, totals


def mean_per_token(log_probs: Tensor, batch: Batch) -> Tensor:
    """Mean log-probability per reply token of each row, [rows]."""
    return log_probs.sum(dim=1) / batch.is_reply.sum(dim=1)
