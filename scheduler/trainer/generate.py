"""Generates with transformers: for training, and as the reference in tests."""

from collections.abc import Sequence

import torch

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.records import Message


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
    rows = [base.renderer.prompt_ids(messages) for messages in conversations]
    length = max(map(len, rows))
    pad = base.renderer.tokenizer.pad_token_id or 0
    ids = torch.tensor([[pad] * (length - len(row)) + row for row in rows], device=base.device)
    mask = torch.tensor(
        [[0] * (length - len(row)) + [1] * len(row) for row in rows], device=base.device
    )
    with pool.use(slots):
        output = base.model.generate(  # type: ignore[operator]
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
