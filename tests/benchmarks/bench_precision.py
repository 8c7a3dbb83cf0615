"""What int8 weights cost in quality, against the same model in bfloat16.

    EVAL_DATA=../shared/data python -m tests.benchmarks.bench_precision [--prompts N] [--tokens N]

Both models reply greedily to IFEval's prompts. Both score the first 200 replies of the bfloat16
model, teacher forced. If the checks of IFEval are installed, the replies are compared prompt by
prompt. Activations are float32 in both, so that only the weights differ.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from adapters_store.base_model import BaseModel
from adapters_store.files import AdapterFiles
from adapters_store.records import Precision
from feedback.records import Message
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams, TextDelta
from server.settings import Settings
from tests.benchmarks.base import load_packed, resolve_base
from tests.benchmarks.difference import Difference
from tests.benchmarks.forgetting import ifeval
from tests.benchmarks.learning.prompts import data_folder
from tests.benchmarks.report import machine, markdown_table, show_section

SCORED = 200
ROWS = 16
WEIGHTS: tuple[Precision, ...] = ("bfloat16", "int8")


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=541)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    data = data_folder(ifeval.FILE)
    if data is None:
        sys.exit(f"Not measured: set EVAL_DATA to the folder that holds {ifeval.FILE}")
    tasks = ifeval.read_tasks(data / ifeval.FILE)[: options.prompts]
    prompts = [task.prompt.text for task in tasks]
    settings = Settings()
    model = resolve_base(settings, Console())
    replies: dict[Precision, list[str]] = {}
    losses: dict[Precision, Tensor] = {}
    for precision in WEIGHTS:
        base = load_packed(settings, model, precision, torch.float32)
        replies[precision] = generate(base, settings, prompts, options.tokens)
        losses[precision] = token_losses(base, prompts[:SCORED], replies["bfloat16"][:SCORED])
        del base
        gc.collect()
    rows = [*compare_losses(losses), *compare_replies(tasks, replies)]
    text = f"{model.name}, {options.tokens} tokens a reply, measured on {machine()}.\n\n"
    text += markdown_table(("figure", "measured", "wanted"), rows)
    show_section(f"precision {model.name}", text, is_written=not options.no_write)


def generate(base: BaseModel, settings: Settings, prompts: Sequence[str], tokens: int) -> list[str]:
    """Greedy replies of the serving engine, 16 at a time."""
    params = SamplingParams(temperature=0, max_tokens=tokens)

    async def ask(engine: LocalEngine, prompt: str) -> str:
        ids = engine.render([Message("user", prompt)])
        events = engine.submit(ids, params, None, user="")
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    async def ask_all(engine: LocalEngine) -> list[str]:
        return await asyncio.gather(*(ask(engine, prompt) for prompt in prompts))

    with tempfile.TemporaryDirectory() as folder:
        config = EngineConfig(max_batch_size=ROWS, queue_limit=len(prompts))
        engine = LocalEngine(base, settings.lora, AdapterFiles(Path(folder)), config)
        engine.start()
        try:
            return asyncio.run(ask_all(engine))
        finally:
            engine.stop()


@torch.inference_mode()
def token_losses(base: BaseModel, prompts: Sequence[str], replies: Sequence[str]) -> Tensor:
    """Nats of every token of the replies, teacher forced."""
    model: Any = base.model
    losses = []
    for prompt, reply in zip(prompts, replies, strict=True):
        ids, is_reply = base.renderer.example_ids([Message("user", prompt)], reply)
        first = is_reply.index(True)
        predicting = torch.arange(first - 1, len(ids) - 1)
        logits = model(torch.tensor([ids]), logits_to_keep=predicting).logits[0].float()
        targets = torch.tensor(ids[first:])
        losses.append(torch.nn.functional.cross_entropy(logits, targets, reduction="none"))
    return torch.cat(losses)


def compare_losses(losses: dict[Precision, Tensor]) -> list[tuple[str, str, str]]:
    """The lines on losses; the interval is of the difference's mean."""
    more = losses["int8"] - losses["bfloat16"]
    error = 1.96 * more.std() / len(more) ** 0.5
    return [
        ("loss of its own replies, bfloat16", f"{losses['bfloat16'].mean():.4f} nats/token", ""),
        ("loss of the same replies, int8", f"{losses['int8'].mean():.4f} nats/token", ""),
        ("more", f"{more.mean():.4f} ± {error:.4f}", "at most 0.01"),
    ]


def compare_replies(
    tasks: Sequence[ifeval.Task], replies: dict[Precision, list[str]]
) -> list[tuple[str, str, str]]:
    """The lines on IFEval."""
    same = sum(a == b for a, b in zip(*replies.values(), strict=True))
    rows = [("replies that are the same, word for word", f"{same} of {len(tasks)}", "")]
    try:
        check = ifeval.load_check()
    except ImportError as error:
        return [*rows, ("IFEval", f"not measured: {error}", "")]
    passed = {
        precision: [check(task, reply) for task, reply in zip(tasks, texts, strict=True)]
        for precision, texts in replies.items()
    }
    return [
        *rows,
        *(
            (f"IFEval, all instructions of a prompt, {name}", f"{sum(each)} of {len(tasks)}", "")
            for name, each in passed.items()
        ),
        ("int8 − bfloat16, paired", str(Difference.of(*passed.values())), "within two errors of 0"),
    ]


if __name__ == "__main__":
    main()
