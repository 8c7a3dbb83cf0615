"""Whether a vLLM server can serve this deployment, tried out before it gets any request."""

import logging
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from adapters_store.base_model import BaseOutline
from adapters_store.errors import ModelFetchError
from adapters_store.files import WEIGHTS_FILE
from adapters_store.lora import PEFT_PREFIX
from adapters_store.models.resolve import fingerprint
from adapters_store.peft_config import write_peft_config
from adapters_store.records import LoraConfig
from server.engine.vllm.client import VllmClient
from server.engine.vllm.errors import (
    AdapterGoneError,
    RefusedError,
    ServerGoneError,
    UnsuitableServerError,
)
from server.engine.vllm.wire import Json, scoring_body

MOST_LOGPROBS = 50
"""Training asks for so many of the likeliest tokens."""

_TEXT = "Äpfel & 苹果: def f(x):\n\treturn x**2  # 3.14 🍎"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedBase:
    """The base model as a server names it, and the longest prompt and reply that it takes."""

    name: str
    context_length: int


def served_base(models: Sequence[Json]) -> tuple[ServedBase, str]:
    """The base model among a server's models, and where the server has it from.

    Raises `UnsuitableServerError` if there is none.
    """
    for model in models:
        if not model.get("parent"):
            served = ServedBase(str(model["id"]), int(model["max_model_len"]))
            return served, str(model.get("root") or "")
    raise UnsuitableServerError("it serves no base model")


def is_same_model(root: str, folder: Path, name: str) -> bool | None:
    """Whether a server's model, from `root`, is ours; None if that cannot be told from here."""
    if root in (name, str(folder)):
        return True
    if Path(root).is_dir() and folder.is_dir():
        try:
            return fingerprint(Path(root)) == fingerprint(folder)
        except ModelFetchError:
            return False
    if _HUB_ID.fullmatch(root) and _HUB_ID.fullmatch(name):
        return False
    return None


async def look_at(client: VllmClient, name: str, folder: Path) -> ServedBase:
    """What a server serves, from what it says of itself.

    `name` and `folder` are our base model's. Raises `UnsuitableServerError`, `ServerGoneError`.
    """
    await client.check_health()
    served, root = served_base(await client.models())
    is_same = is_same_model(root, folder, name)
    if is_same is False:
        raise UnsuitableServerError(
            f"it serves {root}, but the base model is {name}: start vLLM with {folder}"
        )
    if is_same is None:
        log.warning("whether %s at %s is %s cannot be told", root, client.url, name)
    if not await client.can_load():
        raise UnsuitableServerError(
            "it cannot load adapters: start vLLM with --enable-lora, and with"
            " VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 in its environment"
        )
    return served


async def try_out(
    client: VllmClient, outline: BaseOutline, lora: LoraConfig, links: Path, base: str
) -> None:
    """Let a server score a text with an empty adapter of this deployment's shape.

    `links` is the folder of adapters, which the server must see, too. Raises
    `UnsuitableServerError`, `ServerGoneError`.
    """
    tokens = outline.renderer.tokenizer.encode(_TEXT, add_special_tokens=False)
    if list(tokens) != await client.tokenize(_TEXT):
        raise UnsuitableServerError(
            f"its tokens are not those of {outline.name}: start vLLM with the same model folder"
        )
    name = f"check_{secrets.token_hex(8)}"
    folder = links / name
    _write_empty_adapter(folder, outline, lora)
    try:
        await client.load(name, folder)
    except RefusedError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise UnsuitableServerError(
            f"it cannot load an adapter ({error}): start vLLM with --max-lora-rank"
            f" {vllm_rank(lora.rank)}, and let it read {links}"
        ) from error
    try:
        for model in (base, name):
            await client.complete(scoring_body(tokens, MOST_LOGPROBS, model))
    except (RefusedError, AdapterGoneError) as error:
        raise UnsuitableServerError(
            f"it cannot score a text ({error}): start vLLM with --max-logprobs {MOST_LOGPROBS}"
        ) from error
    finally:
        await client.unload(name)
        shutil.rmtree(folder, ignore_errors=True)


def vllm_rank(rank: int) -> int:
    """The least `--max-lora-rank` that vLLM knows and that a rank fits into."""
    return next(each for each in (8, 16, 32, 64, 128, 256, 320, 512) if each >= rank)


def describe(url: str, error: Exception) -> str:
    """What is wrong with a server, for the operator."""
    if isinstance(error, ServerGoneError):
        return f"no vLLM server answers at {url}: {error}"
    return f"the vLLM server at {url} cannot be used: {error}"


def _write_empty_adapter(folder: Path, outline: BaseOutline, lora: LoraConfig) -> None:
    tensors = {}
    for path, (out_features, in_features) in outline.shapes.items():
        tensors[f"{PEFT_PREFIX}{path}.lora_A.weight"] = torch.zeros(lora.rank, in_features)
        tensors[f"{PEFT_PREFIX}{path}.lora_B.weight"] = torch.zeros(out_features, lora.rank)
    folder.mkdir(parents=True)
    save_file(tensors, folder / WEIGHTS_FILE)
    write_peft_config(
        folder,
        lora=lora,
        base_model=outline.name,
        base_revision=outline.revision,
        targets=sorted({path.rpartition(".")[2] for path in outline.shapes}),
    )
