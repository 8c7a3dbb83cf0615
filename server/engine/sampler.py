"""Draws the next token of each row. Rows are independent of who shares the batch."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from math import log

import torch
from torch import Tensor

from server.engine.records import TokenLogprob
from server.engine.sequence import Sequence

MIN_PLAUSIBLE = 0.1


def sample(logits: Tensor, sequences: Items[Sequence]) -> list[int]:
    """Return one token id per row of `logits` [rows, vocabulary], any float dtype."""
    logits = _with_dry_penalties(logits.float(), sequences)
    if all(s.params.is_greedy for s in sequences):
        tokens: list[int] = logits.argmax(dim=-1).tolist()
        return tokens
    return [_sample_row(row, s) for row, s in zip(logits.cpu(), sequences, strict=True)]


def guided(logits: Tensor, sequences: Items[Sequence], guides: Mapping[Sequence, Tensor]) -> Tensor:
    """The logits [rows, vocabulary] with the rows that have a guide moved away from it.

    log p' = log q + s (log p - log q), with the guide's q [vocabulary] and the row's guidance scale
    s: classifier-free guidance (Sanchez et al. 2023, arXiv 2306.17806), or context-aware decoding
    (Shi et al. 2023, arXiv 2305.14739). Only tokens that the row itself finds at least
    `MIN_PLAUSIBLE` times as likely as its likeliest one (Li et al. 2023, arXiv 2210.15097).
    """
    if not guides:
        return logits
    found = logits.float().clone()
    for row, sequence in enumerate(sequences):
        if (guide := guides.get(sequence)) is not None:
            own, other = found[row].log_softmax(dim=-1), guide.float().log_softmax(dim=-1)
            is_plausible = own >= own.max() + log(MIN_PLAUSIBLE)
            moved = other + sequence.params.guidance_scale * (own - other)
            found[row] = moved.masked_fill(~is_plausible, -torch.inf)
    return found


def token_logprobs(
    logits: Tensor, tokens: Items[int], num_top: Items[int | None]
) -> list[TokenLogprob | None]:
    """Log-probabilities of the token drawn in each row, and of the likeliest ones.

    They are the float32 log-softmax of the model's own `logits` [rows, vocabulary], before
    temperature, penalties, biases and grammars. `num_top` is how many of the likeliest tokens a
    row asks for; a row with None asks for nothing and costs nothing.
    """
    asked = [row for row, count in enumerate(num_top) if count is not None]
    found: list[TokenLogprob | None] = [None] * len(tokens)
    if not asked:
        return found
    logprobs = torch.log_softmax(logits[asked].float(), dim=-1)
    drawn = torch.tensor([tokens[row] for row in asked], device=logits.device)
    chosen = logprobs.gather(1, drawn[:, None]).flatten().tolist()
    top = logprobs.topk(max(num_top[row] or 0 for row in asked), dim=-1)
    for row, logprob, ids, values in zip(
        asked, chosen, top.indices.tolist(), top.values.tolist(), strict=True
    ):
        count = num_top[row] or 0
        likeliest = tuple(zip(ids[:count], values[:count], strict=True))
        found[row] = TokenLogprob(tokens[row], logprob, likeliest)
    return found


def _with_dry_penalties(logits: Tensor, sequences: Items[Sequence]) -> Tensor:
    """Subtract the DRY penalties; the given tensor is not changed."""
    penalties = [
        (row, token, -penalty)
        for row, sequence in enumerate(sequences)
        if sequence.dry_penalty
        for token, penalty in sequence.dry_penalty.penalties().items()
    ]
    if not penalties:
        return logits
    rows, tokens, changes = zip(*penalties, strict=True)
    places = torch.tensor(rows, device=logits.device), torch.tensor(tokens, device=logits.device)
    return logits.index_put(places, torch.tensor(changes, device=logits.device), accumulate=True)


def _sample_row(logits: Tensor, sequence: Sequence) -> int:
    params = sequence.params
    if params.has_penalties and sequence.output_counts:
        tokens = torch.tensor(list(sequence.output_counts))
        counts = torch.tensor(list(sequence.output_counts.values()), dtype=torch.float32)
        logits = logits.index_add(
            0, tokens, -(params.frequency_penalty * counts + params.presence_penalty)
        )
    if params.logit_bias:
        tokens = torch.tensor(list(params.logit_bias))
        biases = torch.tensor(list(params.logit_bias.values()), dtype=torch.float32)
        logits = logits.index_add(0, tokens, biases)
    if sequence.grammar is not None:
        logits = logits.masked_fill(~sequence.grammar.allowed()[: len(logits)], -torch.inf)
    if params.temperature == 0:
        return int(logits.argmax())
    return _draw(logits / params.temperature, params.top_k, params.top_p, sequence.random.random())


def _draw(logits: Tensor, top_k: int, top_p: float, uniform: float) -> int:
    """Invert the cumulative distribution at `uniform`, over the `top_k` likeliest tokens and the
    smallest set of them that holds `top_p` of the mass (Holtzman et al. 2019)."""
    limit = min(top_k, logits.numel()) if top_k else logits.numel()
    values, tokens = torch.topk(logits, limit)
    # float64: with float32 the sum over a large vocabulary can stay below `uniform`.
    cumulative = torch.softmax(values.double(), dim=0).cumsum(0)
    nucleus = 1 + int((cumulative < top_p).sum().clamp(max=limit - 1))
    target = uniform * cumulative[nucleus - 1]
    chosen = int((cumulative[:nucleus] <= target).sum().clamp(max=nucleus - 1))
    return int(tokens[chosen])
