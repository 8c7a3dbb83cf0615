"""Log-probabilities of written tokens, for the rows that ask for them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from server.engine.records import TokenLogprob


def token_logprobs(
    logits: Tensor, tokens: Sequence[int], num_top: Sequence[int | None]
) -> list[TokenLogprob | None]:
    """How likely the model itself found the token that was drawn in each row, and the top ones.

    They are of the model's own distribution: the log-softmax, in float32, of `logits`
    [rows, vocabulary], before temperature, penalties, biases and grammars. `num_top` says how many
    of the likeliest tokens a row wants to know; with None it did not ask, which costs nothing.
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
