"""Generates with transformers: for training, and as the reference in tests."""

from collections.abc import Sequence

import torch

from adapters_store.base_model import BaseModel, cached_numbers
from adapters_store.lora import AdapterPool
from feedback.records import Message
from scheduler.fit.micro_batches import MICRO_BATCH_TOKENS, micro_batches

CACHE_BYTES = 1 << 28
"""The most that the keys and values of one batch take, in bytes."""


@torch.inference_mode()
def greedy_replies(
    base: BaseModel,
    pool: AdapterPool,
    slots: int | Sequence[int],
    conversations: Sequence[Sequence[Message]],
    max_tokens: int,
    *,
    unrepeated: int = 0,
) -> list[str]:
    """Reply to each conversation in at most `max_tokens` tokens; `slots` as in `AdapterPool.use`.

    No n-gram of `unrepeated` tokens occurs twice, counting the prompt; 0 sets no bound.
    """
    prompts = [base.renderer.prompt_ids(messages) for messages in conversations]
    replies = [""] * len(prompts)
    lengths = [len(prompt) + max_tokens for prompt in prompts]
    token_bytes = cached_numbers(base.model.config) * base.dtype.itemsize
    most = min(MICRO_BATCH_TOKENS, CACHE_BYTES // token_bytes)
    for group in micro_batches(lengths, lambda length: most):
        own_slots = slots if isinstance(slots, int) else [slots[i] for i in group]
        with pool.use(own_slots):
            found = _greedy_replies(base, [prompts[i] for i in group], max_tokens, unrepeated)
        for i, reply in zip(group, found, strict=True):
            replies[i] = reply
    return replies


def _greedy_replies(
    base: BaseModel, prompts: Sequence[list[int]], max_tokens: int, unrepeated: int
) -> list[str]:
    length = max(map(len, prompts))
    pad = base.renderer.tokenizer.pad_token_id or 0
    ids = torch.tensor([[pad] * (length - len(row)) + row for row in prompts], device=base.device)
    mask = torch.tensor(
        [[0] * (length - len(row)) + [1] * len(row) for row in prompts], device=base.device
    )
    output = base.model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=max_tokens,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        no_repeat_ngram_size=unrepeated,
        eos_token_id=sorted(base.renderer.eos_token_ids),
        pad_token_id=pad,
    )
    return [base.renderer.reply_text(row) for row in output[:, length:].tolist()]
