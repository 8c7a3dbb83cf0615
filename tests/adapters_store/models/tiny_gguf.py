"""A 1-layer random Llama as a GGUF file, with a byte-level tokenizer and a chat template."""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from gguf import GGUFWriter
from tokenizers import pre_tokenizers

CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}<|im_end|>{% endfor %}"
CONTEXT_LENGTH = 128
EOS_TOKEN_ID = 2
END_TOKEN_IDS = [EOS_TOKEN_ID, 0]
_HIDDEN, _FEED_FORWARD, _KEY_VALUE = 32, 64, 16


def write_tiny_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    chat_template: str | None = CHAT_TEMPLATE,
    facts: Mapping[str, str | int] = MappingProxyType({}),
    without: Collection[str] = (),
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Write the file; returns the tensors by their GGUF names.

    `facts` are more metadata; the tensors `without` are left out.
    """
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_embedding_length(_HIDDEN)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(8)
    vocabulary_size = _add_tokenizer(writer)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    for name, value in facts.items():
        if isinstance(value, str):
            writer.add_string(name, value)
        else:
            writer.add_uint32(name, value)
    tensors = _tensors(vocabulary_size, seed)
    for name, tensor in tensors.items():
        if name not in without:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def _add_tokenizer(writer: GGUFWriter) -> int:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    # The loader wants at least one merge.
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), "hi"]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges(["h i"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(EOS_TOKEN_ID)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(EOS_TOKEN_ID)
    return len(tokens)


def _tensors(vocabulary_size: int, seed: int) -> dict[str, np.ndarray]:
    shapes = {
        "token_embd.weight": (vocabulary_size, _HIDDEN),
        "output_norm.weight": (_HIDDEN,),
        "blk.0.attn_norm.weight": (_HIDDEN,),
        "blk.0.ffn_norm.weight": (_HIDDEN,),
        "blk.0.attn_q.weight": (_HIDDEN, _HIDDEN),
        "blk.0.attn_k.weight": (_KEY_VALUE, _HIDDEN),
        "blk.0.attn_v.weight": (_KEY_VALUE, _HIDDEN),
        "blk.0.attn_output.weight": (_HIDDEN, _HIDDEN),
        "blk.0.ffn_gate.weight": (_FEED_FORWARD, _HIDDEN),
        "blk.0.ffn_up.weight": (_FEED_FORWARD, _HIDDEN),
        "blk.0.ffn_down.weight": (_HIDDEN, _FEED_FORWARD),
    }
    random = np.random.default_rng(seed)
    return {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
