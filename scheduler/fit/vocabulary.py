"""Log-probabilities over the vocabulary, of a few tokens at a time.

The logits of a batch would be the largest tensor of a fit: at 150,000 tokens of vocabulary a
token's logits take 0.6 MB, and every function of them takes as much again. So the head runs on a
few tokens at a time. Each token's value depends on its own state alone, and its gradient is
computed with it: the backward pass only multiplies, and no logits are kept for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import Cache

from adapters_store.base_model import BaseModel

LOGITS_BYTES = 1 << 26
"""Size of the float32 logits that exist at once, in up to three copies. Less would make products of
too few tokens: each reads the whole head."""


@dataclass(frozen=True, slots=True)
class States:
    """The last hidden states of some tokens, [tokens, dimensions], before the head.

    `output` is the class in which the model's body returns them.
    """

    values: Tensor
    output: type

    def at(self, places: Tensor) -> "States":
        """Those at some of the places, a mask [tokens]."""
        return States(self.values[places], self.output)

    def split(self, sizes: Sequence[int]) -> "list[States]":
        """Consecutive parts of so many tokens."""
        return [States(part, self.output) for part in torch.split(self.values, list(sizes))]


def read_states(
    base: BaseModel, ids: Tensor, attention: Tensor, places: Tensor, past: Cache | None = None
) -> States:
    """Run the model's body on [rows, tokens] and return the states at `places`, a mask.

    Uses the slots that the model's pool has in use. `past` has the keys and values of tokens that
    stand before `ids` in every row; theirs are added to it, and `attention` covers both.
    """
    output: Any = base.model.base_model(
        input_ids=ids, attention_mask=attention, past_key_values=past, use_cache=past is not None
    )
    return States(output.last_hidden_state[places], type(output))


def target_log_probs(base: BaseModel, states: States, targets: Tensor) -> Tensor:
    """The log-probability of each state's target id: float32 [tokens]."""

    def measure(logits: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        found, chosen = logits.log_softmax(dim=-1), targets[part, None]
        values = found.gather(1, chosen)
        # The gradient is 1 at the target, minus the probabilities.
        gradients = found.exp_().neg_().scatter_add_(1, chosen, torch.ones_like(values))
        return values[:, 0], gradients

    return _per_token(base, states, measure)


def divergences(base: BaseModel, states: States, reference: States) -> Tensor:
    """KL(states || reference) of each token over the vocabulary: float32 [tokens].

    `reference` are states of the same tokens, without gradients.
    """

    def measure(logits: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        others = _logits(base, reference.values[part], reference.output)
        differences = others.float().log_softmax(dim=-1).neg_()
        del others
        probabilities = logits.log_softmax(dim=-1)
        differences += probabilities
        probabilities.exp_()
        values = torch.linalg.vecdot(probabilities, differences)
        # The gradient is p (log p - log q - KL).
        return values, differences.sub_(values[:, None]).mul_(probabilities)

    return _per_token(base, states, measure)


def teacher_divergences(
    base: BaseModel, states: States, top_ids: Tensor, top_log_probs: Tensor
) -> Tensor:
    """KL(teacher || states) of each token over the teacher's likeliest tokens: float32 [tokens].

    `top_ids` int64 and `top_log_probs` float32 are [tokens, top]. The rest of the vocabulary does
    not count, so the divergence of equal distributions is 0.
    """
    top = top_log_probs.exp()

    def measure(logits: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        log_probs = logits.log_softmax(dim=-1)
        weights = top[part]
        differences = top_log_probs[part] - log_probs.gather(1, top_ids[part])
        values = torch.linalg.vecdot(weights, differences)
        # The gradient is the student's probabilities times the teacher's mass, minus the teacher's.
        gradients = log_probs.exp_().mul_(weights.sum(dim=1, keepdim=True))
        return values, gradients.scatter_add_(1, top_ids[part], -weights)

    return _per_token(base, states, measure)


_Measure = Callable[[Tensor, slice], tuple[Tensor, Tensor]]
"""From the float32 logits [tokens, vocabulary] of a part of the tokens to their values [tokens] and
the gradients of these [tokens, vocabulary]."""


def _per_token(base: BaseModel, states: States, measure: _Measure) -> Tensor:
    needs_gradients = torch.is_grad_enabled() and states.values.requires_grad
    values: Tensor = _PerToken.apply(  # type: ignore[no-untyped-call]
        states.values, base, states.output, measure, needs_gradients
    )
    return values


class _PerToken(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        states: Tensor,
        base: BaseModel,
        output: type,
        measure: _Measure,
        needs_gradients: bool,
    ) -> Tensor:
        values: list[Tensor] = []
        gradients: list[Tensor] = []
        most = max(1, LOGITS_BYTES // (4 * base.model.config.get_text_config().vocab_size))
        for start in range(0, len(states), most):
            part = slice(start, start + most)
            own = states[part].detach().requires_grad_(needs_gradients)
            with torch.set_grad_enabled(needs_gradients):
                logits = _logits(base, own, output)
            found, slopes = measure(logits.detach().float(), part)
            values.append(found)
            if needs_gradients:
                gradients += torch.autograd.grad(logits, own, slopes.to(logits.dtype))
            del logits, slopes  # before the next ones are made
        if needs_gradients:
            context.save_for_backward(torch.cat(gradients))
        return torch.cat(values)

    @staticmethod
    def backward(context: Any, upstream: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradients,) = context.saved_tensors
        return gradients * upstream[:, None].to(gradients.dtype), None, None, None, None


def _logits(base: BaseModel, states: Tensor, output: type) -> Tensor:
    """The logits of some states, [tokens, vocabulary], by what the model does after its body.

    That is more than its head in some families: a scale, a bound.
    """
    body: Any = base.model.base_model
    # Set on the instance, so that deleting it restores the class's `forward`.
    body.forward = lambda **_: output(last_hidden_state=states[None])
    try:
        logits: Tensor = base.model(input_ids=None, use_cache=False).logits[0]
    finally:
        del body.forward
    return logits
