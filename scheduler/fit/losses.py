"""The losses of a fit, as functions of log-probabilities."""

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Cache

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from scheduler.fit.batching import Batch
from scheduler.fit.vocabulary import States, divergences, read_states, target_log_probs


def reply_log_probs(base: BaseModel, batch: Batch) -> Tensor:
    """Log-probability of every token from the batch's first reply token on; 0 outside replies.

    float32 [rows, tokens from there]. Runs the model with the slots that its pool has in use.
    """
    return log_probs_of(base, batch, reply_states(base, batch))


def log_probs_of(base: BaseModel, batch: Batch, states: States) -> Tensor:
    """`reply_log_probs` from the states that predict the reply tokens."""
    first = int(batch.is_reply.any(dim=0).int().argmax())
    found = target_log_probs(base, states, batch.ids[batch.is_reply])
    is_reply = batch.is_reply[:, first:]
    log_probs = found.new_zeros(is_reply.shape)
    log_probs[is_reply] = found
    return log_probs


def reply_states(base: BaseModel, batch: Batch, past: Cache | None = None) -> States:
    """The states that predict the reply tokens, row by row; `past` as in `read_states`."""
    # The prompts' logits are left out: all logits are a sixth of a small model's work.
    attention, places = batch.attention, batch.is_reply.roll(-1, dims=1)
    if past is not None:
        before = attention.new_ones(len(attention), past.get_seq_length())
        attention = torch.cat([before, attention], dim=1)
    return read_states(base, batch.ids, attention, places, past)


def dpo_losses(chosen: Tensor, rejected: Tensor, beta: float, flip_rates: Tensor) -> Tensor:
    """Robust DPO of each pair, [pairs], as are all inputs except `beta`.

    [-(1 - e) log sigmoid(beta (r+ - r-)) + e log sigmoid(-beta (r+ - r-))] / (1 - 2 e)

    `chosen` and `rejected` are the `log_ratios` r of the replies; `flip_rates` e, below 0.5, are
    the chances that a pair means the opposite. With e = 0 it is DPO (Rafailov et al. 2023, equation
    7). With e > 0 it is an unbiased estimate of DPO on what was meant (Chowdhury et al. 2024, arXiv
    2403.00409) and has no lower bound: stop early.
    """
    margin = beta * (chosen - rejected)
    meant, flipped = -F.logsigmoid(margin), -F.logsigmoid(-margin)
    return ((1 - flip_rates) * meant - flip_rates * flipped) / (1 - 2 * flip_rates)


def apo_zero_losses(ratios: Tensor, beta: float, is_desirable: Tensor) -> Tensor:
    """APO-zero of each single reply with log-ratio r, [rows].

    1 - sigmoid(beta r) if it is desirable, else sigmoid(beta r): each term of equation 7 of
    D'Oosterlinck et al. 2024 (arXiv 2408.06266) by itself. It is 0.5 for the base, and bounded.
    """
    return torch.sigmoid(beta * torch.where(is_desirable, -ratios, ratios))


def log_ratios(base: BaseModel, pool: AdapterPool, batch: Batch) -> tuple[Tensor, Tensor]:
    """Each reply's log-ratio r, and its log-probability under the adapter in use, both [rows].

    r is that log-probability minus the base's. Both are means per token: the length normalisation
    of Tulu 3 (Lambert et al. 2024, section 5.1).
    """
    with torch.no_grad(), pool.use(NO_ADAPTER):
        reference = reply_states(base, batch)
    return ratios_of(base, batch, reply_states(base, batch), reference)


def ratios_of(
    base: BaseModel, batch: Batch, states: States, reference: States
) -> tuple[Tensor, Tensor]:
    """`log_ratios` from the states that predict the reply tokens; `reference` are the base's."""
    with torch.no_grad():
        base_log_probs = mean_per_token(log_probs_of(base, batch, reference), batch)
    log_probs = mean_per_token(log_probs_of(base, batch, states), batch)
    return log_probs - base_log_probs, log_probs


def kl_from_base(base: BaseModel, pool: AdapterPool, batch: Batch) -> Tensor:
    """KL(adapter in use || base) over the vocabulary, of each of the batch's reply tokens.

    float32 [tokens], in nats.
    """
    with torch.no_grad(), pool.use(NO_ADAPTER):
        reference = reply_states(base, batch)
    return divergences(base, reply_states(base, batch), reference)


def supervised_losses(
    base: BaseModel, batch: Batch, states: States, reference: States | None
) -> tuple[Tensor, Tensor]:
    """The weighted mean loss of each reply's tokens, sum w l / sum w, and sum w, both [rows].

    l is -log p of a token, but KL(adapter in use || base) of one that a correction kept: there the
    base's whole distribution is what is wanted, and its likeliest token alone would sharpen it.
    `states` predict the reply tokens, row by row; `reference` are the base's, needed if any token
    was kept.
    """
    is_reply, weights = batch.is_reply, batch.weights
    is_kept = batch.is_kept[is_reply]
    losses = states.values.new_zeros(is_kept.shape, dtype=torch.float32)
    if not is_kept.all():
        written = -target_log_probs(base, states.at(~is_kept), batch.ids[is_reply][~is_kept])
        losses = losses.masked_scatter(~is_kept, written)
    if is_kept.any():
        assert reference is not None
        drift = divergences(base, states.at(is_kept), reference.at(is_kept))
        losses = losses.masked_scatter(is_kept, drift)
    per_token = weights.new_zeros(weights.shape).masked_scatter(is_reply, losses)
    totals = weights.sum(dim=1)
    return (weights * per_token).sum(dim=1) / totals, totals


def mean_per_token(log_probs: Tensor, batch: Batch) -> Tensor:
    """Mean log-probability per reply token, [rows]."""
    return log_probs.sum(dim=1) / batch.is_reply.sum(dim=1)
