"""Corrections in, a LoRA adapter out: what learning is, in one file that reads from top to bottom.

    .venv/bin/python docs/examples/plain_retrain.py docs/examples/corrections.jsonl adapter/

A line of the input is {"prompt": "...", "reply": "...", "correction": "..."}: the user's question,
the model's reply, and the reply as the user rewrote it. The output is a folder that PEFT loads.

The product fits an adapter in the same way (scheduler/fit/loop.py). Around it, it has:

    ratings and comments, and filters for what to leave out    feedback/examples/, feedback/filters/
    rules read from the edits, and synthetic examples of them  feedback/rules/
    rounds on the adapter's own mistakes (DAgger)              scheduler/trainer/dagger.py
    held-out examples, and a gate that may refuse the adapter  scheduler/evaluation/
    numbered versions to promote and roll back                 adapters_store/registry.py
"""

import json
import sys
from pathlib import Path

import torch
import typer
from safetensors.torch import save_file
from torch import Tensor

from adapters_store.base_model import BaseModel, choose_device, choose_dtype, load_base_model
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import ADAPTER_DTYPE, AdapterPool
from adapters_store.models.built_in import SMALLEST
from adapters_store.models.resolve import resolve_model
from adapters_store.peft_config import write_peft_config
from adapters_store.records import LoraConfig
from feedback.records import Message
from scheduler.fit.batching import Batch, TokenisedReply, collate, compare_with_original
from scheduler.fit.cpu_attention import use_grouped_attention
from scheduler.fit.lora_init import init_from_gradients
from scheduler.fit.losses import dpo_losses, ratios_of, reply_states, supervised_losses
from scheduler.fit.vocabulary import States
from scheduler.records import TrainingConfig
from scheduler.trainer.generate import greedy_replies
from server.settings import default_model_cache

CONFIG, LORA = TrainingConfig(), LoraConfig()
SLOT = 1  # Slot 0 is the base without an adapter.
PASSES, PAIRS_PER_STEP = 3, 4
LEARNING_RATE = CONFIG.learning_rate / 2  # Gentler: no gate here would notice lost facts.
UNSEEN_PROMPT = "Why is the sky blue?"


def main(corrections: Path, adapter: Path, model: str = SMALLEST) -> None:
    """Fit an adapter on CORRECTIONS (JSON Lines) and write it to the folder ADAPTER."""
    exchanges = read_corrections(corrections)

    # 1. The base stays frozen. Beside each of its linears stand two small matrices, A and B.
    # Only those of the upper half are trained: that saves half of the backward pass.
    source = resolve_model(model, default_model_cache(), lambda phase, done, total: None)
    device = choose_device("auto")
    name, revision, dtype = source.name, source.revision, choose_dtype("auto", device)
    base = load_base_model(source.path, name=name, revision=revision, device=device, dtype=dtype)
    use_grouped_attention(base.model)  # Only for speed: a quicker backward pass on a CPU.
    pool = AdapterPool(base.model, LORA, num_slots=2, dtype=torch.float32)
    pool.train_upper(CONFIG.train_top_fraction)

    # 2. Each correction makes two rows of token ids, the better and the worse reply. Tokens that
    # the user changed weigh more. Where the user kept the model's own, it is to stay as it is.
    weigh = CONFIG.edit_weight, CONFIG.divergence_weight
    better, worse = [], []
    for prompt, reply, correction in exchanges:
        original = base.renderer.reply_ids(reply)
        wanted = base.renderer.reply_ids(correction)
        weights, is_kept = compare_with_original(wanted, original, *weigh)
        better.append(tokens(base, prompt, correction, weights, is_kept))
        worse.append(tokens(base, prompt, reply, [1.0] * len(original), []))
    batches = []
    for start in range(0, len(exchanges), PAIRS_PER_STEP):
        pairs = slice(start, start + PAIRS_PER_STEP)
        batch = collate([*better[pairs], *worse[pairs]], device)
        # Both losses compare with the base. That does not change, so it is read once.
        with torch.no_grad():
            batches.append((batch, reply_states(base, batch)))

    # 3. At first B is zero, so the adapter changes nothing. A spans the gradient's main directions,
    # so that a few steps are enough.
    with pool.train(SLOT), pool.use(SLOT):
        with init_from_gradients(pool, SLOT, CONFIG.seed):
            torch.autograd.backward(losses(base, *batches[0]))
        show("before", base, pool, batches)

        # 4. The fit. alpha / rank is folded into B. Adam's steps do not scale with the weights, so
        # B's rate carries the factor. The rates fall to zero, so that the last batch does not win.
        a, b = pool.trained_weights(SLOT)
        groups = [
            {"params": a, "lr": LEARNING_RATE},
            {"params": b, "lr": LEARNING_RATE * LORA.scaling},
        ]
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)
        falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, PASSES * len(batches))
        for batch, reference in batches * PASSES:
            # The gradients of both losses add up.
            torch.autograd.backward(losses(base, batch, reference))
            torch.nn.utils.clip_grad_norm_([*a, *b], CONFIG.gradient_clip)
            optimiser.step()
            optimiser.zero_grad()
            falling.step()
    show("after", base, pool, batches)

    # 5. The folder holds bfloat16 weights and their configuration, as PEFT writes them.
    adapter.mkdir(parents=True, exist_ok=True)
    save_file(pool.read(SLOT, ADAPTER_DTYPE), adapter / WEIGHTS_FILE)
    origin = {"base_model": base.name, "base_revision": base.revision}
    write_peft_config(adapter, lora=LORA, **origin, targets=pool.target_modules)


def losses(base: BaseModel, batch: Batch, reference: States) -> tuple[Tensor, Tensor]:
    """The supervised loss of the corrections in nats per token, and DPO's loss of the pairs."""
    states = reply_states(base, batch)  # of the reply tokens; the first half are the corrections
    supervised, _ = supervised_losses(base, batch, states, reference)
    ratios, _ = ratios_of(base, batch, states, reference)
    better, worse = ratios.chunk(2)
    # The flip rate is 0: a person who writes a correction means it.
    preference = dpo_losses(better, worse, CONFIG.dpo_beta, torch.zeros_like(better))
    return supervised[: len(better)].mean(), preference.mean()


def tokens(
    base: BaseModel, prompt: str, reply: str, weights: list[float], is_kept: list[bool]
) -> TokenisedReply:
    """The ids of a prompt and its reply, by the renderer that also serves replies."""
    ids, _ = base.renderer.example_ids([Message("user", prompt)], reply)
    if len(ids) > CONFIG.max_tokens:
        sys.exit(f"longer than {CONFIG.max_tokens} tokens: {prompt[:50]!r} with its reply")
    return TokenisedReply(tuple(ids), tuple(weights), tuple(is_kept))


def read_corrections(path: Path) -> list[tuple[str, str, str]]:
    """Prompt, reply and correction of every line."""
    exchanges = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                fields = json.loads(line)
                prompt, reply, correction = (
                    fields[name].strip() for name in ("prompt", "reply", "correction")
                )
            except (ValueError, LookupError, TypeError, AttributeError):
                sys.exit(f'{path}, line {number}: needs "prompt", "reply", "correction", all texts')
            exchanges.append((prompt, reply, correction))
    return exchanges or sys.exit(f"{path} holds no corrections")


def show(
    when: str, base: BaseModel, pool: AdapterPool, batches: list[tuple[Batch, States]]
) -> None:
    """Print the mean losses and a greedy reply to a prompt that is not trained on."""
    with torch.no_grad(), pool.use(SLOT):
        measured = torch.tensor([losses(base, *batch) for batch in batches])
    supervised, preference = measured.mean(dim=0).tolist()
    [reply] = greedy_replies(base, pool, SLOT, [[Message("user", UNSEEN_PROMPT)]], max_tokens=40)
    typer.echo(f"{when}: supervised loss {supervised:.3f}, preference loss {preference:.3f}")
    typer.echo(f"  {UNSEEN_PROMPT}\n  {reply}")


if __name__ == "__main__":
    typer.run(main)
