"""Runs Llama-like models on a CPU over packed weights: one compiled pass for everything in a step.

A token's logits have the same bits alone and in company, however its prompt was cut into chunks,
and whatever was cached.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from adapters_store.lora import linear_shapes
from adapters_store.records import LoraConfig
from adapters_store.weights.number_formats import array_of
from adapters_store.weights.product import block_table, dtype_marker, use_threads
from server.engine.model.compiled.adapters import AdapterTable, Projection
from server.engine.model.compiled.forward import Adapters, Constants, Weights, forward
from server.engine.model.compiled.stored_adapters import StoredAdapters
from server.engine.model.family import LlamaFamily
from server.engine.model.kv_rows import KeyValueRows
from server.engine.model.runner import Chunk, PackedAdapter, SavedPrefix

PROJECTIONS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)


class CompiledLlama:
    """A `Runner` for models whose linears are frozen over packed weights."""

    def __init__(
        self,
        model: PreTrainedModel,
        family: LlamaFamily,
        lora: LoraConfig,
        rows: int,
        context_length: int,
    ) -> None:
        inner: Any = model.model
        self._embedding = inner.embed_tokens
        self._multiplier = family.embedding_multiplier
        # Tables hold addresses of the model's weights.
        self._model = model
        self._like = dtype_marker(self._embedding.packed)
        self._weights = _weights_of(model, family, context_length)
        self._constants = _constants_of(family)
        projections = [_projection(model, names) for names in PROJECTIONS]
        adapted = set(linear_shapes(model, lora.targets))
        self._adapters = AdapterTable(projections, adapted, lora, rows)
        self.stored_adapters = StoredAdapters(self._adapters.layout)
        self._linears = np.array([len(names) for names in PROJECTIONS])
        dtype = next(model.parameters()).dtype
        self._cache = KeyValueRows(
            family.layers, rows, family.kv_heads, family.head_dim, dtype, torch.device("cpu")
        )
        self._warm_up()

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """See `Runner.pack`."""
        return self._adapters.pack(tensors)

    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """See `Runner.bind`."""
        self._adapters.bind(row, adapter)

    @torch.inference_mode()
    def run(self, tokens: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """See `Runner.run`; the logits are float32."""
        ids, positions = list(tokens), list(lengths)
        rows, predicting = list(range(len(tokens))), list(range(len(tokens)))
        for chunk in chunks:
            ids.extend(chunk.tokens)
            positions.extend(range(chunk.start, chunk.end))
            rows.extend([chunk.row] * len(chunk.tokens))
            predicting.extend(range(len(ids) - chunk.num_logits, len(ids)))
        self._cache.reserve(max(positions) + 1)
        use_threads()
        owners = np.array(rows)
        x = self._embedding.packed.rows(torch.tensor(ids)).mul_(self._multiplier)
        adapters = Adapters(self._adapters.addresses(owners), self._linears, self._adapters.rank)
        logits = forward(
            self._like,
            self._weights,
            self._constants,
            adapters,
            array_of(x),
            np.array(positions),
            owners,
            np.array(predicting, np.int64),
            array_of(self._cache.buffer),
        )
        return torch.from_numpy(logits)

    @torch.inference_mode()
    def save(self, row: int, length: int) -> SavedPrefix:
        """See `Runner.save`."""
        return self._cache.save(row, length)

    @torch.inference_mode()
    def restore(self, row: int, saved: SavedPrefix, length: int) -> None:
        """See `Runner.restore`."""
        self._cache.restore(row, saved, length)

    @torch.inference_mode()
    def move_row(self, source: int, target: int, length: int) -> None:
        """See `Runner.move_row`."""
        self._cache.move(source, target, length)

    def release(self) -> None:
        """See `Runner.release`."""
        self._cache.release()

    def _warm_up(self) -> None:
        """Compile at once, so that no user waits for it."""
        self.run([0], [0], [])
        self.release()


def is_frozen(model: PreTrainedModel) -> bool:
    """Whether a Llama-like model's weights are packed."""
    inner: Any = model.model
    return hasattr(inner.embed_tokens, "packed") and hasattr(
        model.get_submodule("lm_head"), "packed"
    )


def _weights_of(model: PreTrainedModel, family: LlamaFamily, context_length: int) -> Weights:
    inner: Any = model.model
    products: list[list[list[Any]]] = [
        [
            [model.get_submodule(f"model.layers.{i}.{name}") for name in names]
            for names in PROJECTIONS
        ]
        for i in range(family.layers)
    ]
    qkv, out, gate_up, down = (
        np.stack([block_table([each.packed for each in layer[p]]) for layer in products])
        for p in range(len(PROJECTIONS))
    )
    qkv_bias, out_bias, gate_up_bias, down_bias = (
        np.stack([_bias(layer[p]) for layer in products]) for p in range(len(PROJECTIONS))
    )
    head: Any = model.get_submodule("lm_head")
    layers = inner.layers
    cos, sin = _rope_tables(inner.rotary_emb, context_length)
    no_norm = np.empty((family.layers, 0), np.float32)
    attention = [layer.self_attn for layer in layers]
    return Weights(
        qkv=qkv,
        out=out,
        gate_up=gate_up,
        down=down,
        head=block_table([head.packed]),
        qkv_bias=qkv_bias,
        out_bias=out_bias,
        gate_up_bias=gate_up_bias,
        down_bias=down_bias,
        head_bias=_bias([head]),
        attention_norm=np.stack([_norm(layer.input_layernorm) for layer in layers]),
        mlp_norm=np.stack([_norm(layer.post_attention_layernorm) for layer in layers]),
        final_norm=_norm(inner.norm),
        q_norm=np.stack([_norm(a.q_norm) for a in attention]) if family.has_qk_norm else no_norm,
        k_norm=np.stack([_norm(a.k_norm) for a in attention]) if family.has_qk_norm else no_norm,
        cos=cos,
        sin=sin,
        rotates=np.array(family.rotates),
    )


def _constants_of(family: LlamaFamily) -> Constants:
    return Constants(
        family.heads,
        family.kv_heads,
        family.head_dim,
        family.intermediate_size,
        np.float32(family.epsilon),
        np.float32(family.attention_scale),
        np.float32(family.residual_multiplier),
        np.float32(family.logits_scaling),
    )


def _projection(model: PreTrainedModel, names: Sequence[str]) -> Projection:
    layers = range(model.config.num_hidden_layers)
    first: list[Any] = [model.get_submodule(f"model.layers.0.{name}") for name in names]
    return Projection(
        paths=[[f"model.layers.{i}.{name}" for name in names] for i in layers],
        in_features=first[0].in_features,
        out_features=[each.out_features for each in first],
    )


def _norm(module: Any) -> Any:
    return module.weight.detach().float().numpy()


def _bias(linears: Sequence[Any]) -> Any:
    return np.concatenate(
        [
            np.zeros(each.out_features, np.float32)
            if each.bias is None
            else each.bias.detach().float().numpy()
            for each in linears
        ]
    )


def _rope_tables(rotary: Any, length: int) -> tuple[Any, Any]:
    """Cosines and signed sines of every position, float32 [positions, head dim]."""
    cos, sin = rotary(torch.empty(1, 1, 1), torch.arange(length)[None])
    half = sin.shape[-1] // 2
    signed = torch.cat((-sin[0, :, :half], sin[0, :, half:]), dim=-1)
    return cos[0].contiguous().numpy(), signed.numpy()
