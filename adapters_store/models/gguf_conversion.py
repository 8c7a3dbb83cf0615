"""Converts a GGUF file to bf16 safetensors, tokenizer and chat template.

It runs in its own process, which frees its memory and hides the loaders' output:
`python -m adapters_store.models.gguf_conversion FILE FOLDER`.
"""

import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import torch
import transformers
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

# Tokens that end a reply in one family or another, by name as in llama.cpp: a GGUF file names only
# one or two of those that its model writes.
_END_TOKENS = frozenset(
    {
        "<|im_end|>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end|>",
        "<end_of_turn>",
        "<EOT>",
        "<｜end▁of▁sentence｜>",
    }
)
_SPACE = "▁"
_END_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")


class UnreadableGgufError(ValueError):
    """This GGUF file cannot become a base model; the message says why."""


def convert(path: Path, folder: Path) -> None:
    """Write the model of a GGUF file into `folder`. Raises `UnreadableGgufError`."""
    # The loaders look for further files beside the GGUF; those of other models may lie there.
    link = folder / "model.gguf"
    link.symlink_to(path.absolute())
    try:
        metadata = _metadata(link)
        model, tokenizer = _load(link, str(metadata.get("general.architecture")))
    finally:
        link.unlink()
    add_markers(metadata, tokenizer)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.generation_config.eos_token_id = _end_token_ids(metadata, tokenizer)
    tokenizer.save_pretrained(folder)
    # One file, whatever its size: its checksum identifies the model.
    model.save_pretrained(folder, max_shard_size="100TB")


def _load(path: Path, architecture: str) -> tuple[Any, Any]:
    """The model in bf16, and its tokenizer. Raises `UnreadableGgufError`."""
    reader = f"transformers {transformers.__version__}"
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            output_loading_info=True,
        )
    except MemoryError:
        raise
    except Exception as error:  # the loaders raise anything at what they do not know
        message = f"{reader} cannot read it (architecture `{architecture}`): {error}"
        raise UnreadableGgufError(message) from error
    model, info = loaded
    if missing := sorted(info["missing_keys"]):  # these would be random numbers
        raise UnreadableGgufError(
            f"{reader} does not find all weights of the architecture `{architecture}` in it: "
            f"{len(missing)} are missing, such as {missing[0]}"
        )
    return model, tokenizer


def _metadata(path: Path) -> Mapping[str, Any]:
    """The file's metadata. Raises `UnreadableGgufError` if it is no whole model."""
    try:
        fields = gguf.GGUFReader(os.fspath(path)).fields
    except (ValueError, IndexError) as error:
        raise UnreadableGgufError(f"it is no GGUF file: {error}") from error
    # The merges are not needed here, and most of the work.
    metadata = {n: each.contents() for n, each in fields.items() if not n.endswith(".merges")}
    if (kind := metadata.get("general.type", "model")) != "model":
        raise UnreadableGgufError(f"it holds no model but this: {kind}")
    if (count := metadata.get("split.count", 1)) > 1:
        message = f"it is one of {count} parts: merge them with `llama-gguf-split --merge`"
        raise UnreadableGgufError(message)
    if not metadata.get("tokenizer.chat_template"):
        raise UnreadableGgufError("it has no chat template: choose an instruct model")
    return metadata


def add_markers(metadata: Mapping[str, Any], tokenizer: Any) -> None:
    """Let every marker, such as `<tool_call>`, be one token: some versions of the loader read it
    letter by letter."""
    known, types = tokenizer.added_tokens_decoder, metadata.get("tokenizer.ggml.token_type", ())
    for token_id, kind in enumerate(types):
        token = metadata["tokenizer.ggml.tokens"][token_id]
        is_marker = kind in (gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED)
        # SentencePiece also marks runs of spaces, which it writes in letters of its own.
        if not is_marker or token_id in known or _SPACE in token:
            continue
        if tokenizer.convert_tokens_to_ids(token) == token_id:
            is_control = kind == gguf.TokenType.CONTROL
            tokenizer.add_tokens([AddedToken(token, special=is_control, normalized=False)])


def _end_token_ids(metadata: Mapping[str, Any], tokenizer: Any) -> int | list[int]:
    named = [metadata.get(f"tokenizer.ggml.{key}") for key in _END_KEYS]
    added = sorted(tokenizer.added_tokens_decoder.items())
    known = [token_id for token_id, token in added if token.content in _END_TOKENS]
    ids = list(dict.fromkeys(int(each) for each in [*named, *known] if each is not None))
    return ids[0] if len(ids) == 1 else ids


def main(path: str, folder: str) -> None:
    """Convert, or end with the reason."""
    # transformers parses the metadata, hundreds of thousands of tokens, once per object that it
    # makes: most of the time. They share one reader here.
    library: Any = gguf
    library.GGUFReader = functools.cache(gguf.GGUFReader)
    try:
        convert(Path(path), Path(folder))
    except UnreadableGgufError as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main(*sys.argv[1:])
