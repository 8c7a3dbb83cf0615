"""The forward pass of Llama-like models for serving: fused projections over packed tokens.

It computes the same as transformers' modules and shares their weights. One product computes q, k
and v, another gate and up; decoding rows and prefilling prompts share every product. Tests compare
it with transformers and an `AdapterPool`, and the pool with PEFT.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from adapters_store.lora import linear_shapes
from adapters_store.packed import pack, packed_product
from adapters_store.records import LoraConfig
from server.engine.model.adapter_rows import AdapterRows, ProjectionRows, ProjectionShape
from server.engine.model.decode_graphs import DecodeGraphs
from server.engine.model.kernels import Kernels, rotate
from server.engine.model.kv_rows import KeyValueRows
from server.engine.model.runner import Chunk, PackedAdapter, SavedPrefix
from server.engine.model.step import ChunkPass, Step, step_of
from server.engine.model.token_rows import TokenRows
from server.engine.model.torch_kernels import TorchKernels

MODEL_TYPES = frozenset({"llama", "mistral", "qwen2"})
STATIC_ROPE = frozenset({"default", "linear", "llama3"})
PROJECTIONS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)


def is_fusible(model: PreTrainedModel) -> bool:
    """Whether `FusedLlama` can run this model."""
    config: Any = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in MODEL_TYPES
        and config.hidden_act == "silu"
        and not (getattr(config, "sliding_window", None) and _slides(config))
        and rope.get("rope_type", "default") in STATIC_ROPE
    )


def projection_shapes(
    model: PreTrainedModel, adapted: Sequence[str]
) -> tuple[ProjectionShape, ...]:
    """The four fused projections; `adapted` are the paths of the linears that carry adapters."""
    layers = range(model.config.num_hidden_layers)
    return tuple(
        ProjectionShape(
            paths=tuple(tuple(f"model.layers.{i}.{name}" for name in names) for i in layers),
            in_features=_linear(model, 0, names[0]).in_features,
            out_features=tuple(_linear(model, 0, name).out_features for name in names),
            is_adapted=tuple(f"model.layers.0.{name}" in adapted for name in names),
        )
        for names in PROJECTIONS
    )


class FusedLinear:
    """Linears with a common input as one product; their modules keep views of its weight."""

    def __init__(self, linears: Sequence[Any]) -> None:
        if len(linears) > 1:
            fused = torch.cat([linear.weight.data for linear in linears])
            parts = torch.split(fused, [linear.out_features for linear in linears])
            for linear, part in zip(linears, parts, strict=True):
                linear.weight.data = part
        else:
            fused = linears[0].weight.data
        biases = [linear.bias.data for linear in linears if linear.bias is not None]
        self._weight = fused
        self._bias = torch.cat(biases) if biases else None
        self._packed = pack(fused)

    def __call__(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """[tokens, in] to [tokens, out], plus `added` if given."""
        if self._packed is None:
            y = F.linear(x, self._weight, self._bias)
            return y if added is None else y.add_(added)
        return packed_product(x, self._packed, self._bias, added)


class FusedLlama:
    """Runs a Llama-like model: one forward pass for everything in a step. A `Runner`."""

    def __init__(
        self, model: PreTrainedModel, lora: LoraConfig, rows: int, context_length: int
    ) -> None:
        shapes = projection_shapes(model, list(linear_shapes(model, lora.targets)))
        self._kernels = _kernels_for(model.device)
        self._adapters = AdapterRows(shapes, lora, rows, model.device, self._kernels)
        config: Any = model.config
        inner: Any = model.model
        self._heads = config.num_attention_heads
        self._kv_heads = config.num_key_value_heads
        self._head_dim = getattr(config, "head_dim", None) or config.hidden_size // self._heads
        self._epsilon = config.rms_norm_eps
        self._embed = inner.embed_tokens.weight.data
        self._norm = inner.norm.weight.data
        self._head = FusedLinear([model.get_submodule("lm_head")])
        self._layers = [
            (
                layer.input_layernorm.weight.data,
                layer.post_attention_layernorm.weight.data,
                *(
                    FusedLinear([_linear(model, i, name) for name in names])
                    for names in PROJECTIONS
                ),
            )
            for i, layer in enumerate(inner.layers)
        ]
        self._cos, self._sin = _rope_tables(inner.rotary_emb, context_length, self._embed)
        self._cache = KeyValueRows(
            config.num_hidden_layers,
            rows,
            self._kv_heads,
            self._head_dim,
            self._embed.dtype,
            self._embed.device,
        )
        self._graphs = (
            DecodeGraphs(self.decode, rows, self._embed.device)
            if self._embed.device.type == "cuda"
            else None
        )
        self._warm_up()

    def pack(self, tensors: Mapping[str, Tensor]) -> PackedAdapter:
        """See `Runner.pack`."""
        return self._adapters.pack(tensors)

    @torch.inference_mode()
    def bind(self, row: int, adapter: PackedAdapter | None) -> None:
        """See `Runner.bind`."""
        self._adapters.bind(row, adapter)

    @torch.inference_mode()
    def run(self, tokens: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """See `Runner.run`."""
        rows = [*range(len(tokens)), *(chunk.row for chunk in chunks)]
        has_adapters = self._adapters.any_bound(rows)
        self._cache.reserve(max([*lengths, *(chunk.end for chunk in chunks)]) + 1)
        self._kernels.begin_step()
        if self._graphs and not chunks:
            return self._graphs.run(tokens, lengths, has_adapters, self._cache.buffer)
        step = step_of(
            tokens,
            lengths,
            chunks,
            has_adapters=has_adapters,
            group=self._heads // self._kv_heads,
            like=self._embed,
        )
        return self._pass(step)

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

    def decode(self, ids: Tensor, positions: Tensor, places: Tensor, has_adapters: bool) -> Tensor:
        """See `DecodeStep`. It reads no length, so that a graph can replay it."""
        rows = TokenRows(len(ids), (), ids.device)
        end = self._cache.buffer.shape[-2]
        return self._pass(Step(ids, positions, places, end, rows, has_adapters))

    def _warm_up(self) -> None:
        """Compile what is compiled at first use, so that no user waits for it."""
        self.bind(0, self._adapters.blank())
        self.run([0], [0], [])
        self.bind(0, None)
        self.release()

    def _pass(self, step: Step) -> Tensor:
        cos, sin = self._cos[step.positions][:, None], self._sin[step.positions][:, None]
        x = F.embedding(step.ids, self._embed)
        qkv, o, gate_up, down = self._adapters.projections
        for index, layer in enumerate(self._layers):
            attention_norm, mlp_norm, qkv_linear, o_linear, gate_up_linear, down_linear = layer
            h = self._rms_norm(x, attention_norm)
            h = self._adapted(qkv_linear(h), qkv, index, h, step)
            h = self._attention(h, cos, sin, self._cache.layer(index), step)
            x = self._adapted(o_linear(h, x), o, index, h, step)
            h = self._rms_norm(x, mlp_norm)
            gate, up = self._adapted(gate_up_linear(h), gate_up, index, h, step).chunk(2, dim=-1)
            h = F.silu(gate) * up
            x = self._adapted(down_linear(h, x), down, index, h, step)
        last = x if step.predicting is None else x[step.predicting]
        return self._head(self._rms_norm(last, self._norm))

    def _rms_norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._kernels.rms_norm(x, weight, self._epsilon)

    def _adapted(
        self, y: Tensor, rows: ProjectionRows | None, layer: int, x: Tensor, step: Step
    ) -> Tensor:
        """`y` [tokens, out] plus the rows' low-rank products of `x` [tokens, in]."""
        if rows is not None and step.has_adapters:
            rows.add(layer, y, x, step.rows)
        return y

    def _attention(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, cache: Tensor, step: Step
    ) -> Tensor:
        """Rotate, store keys and values, attend: [tokens, q + k + v] to [tokens, heads * dim]."""
        keys, values = cache
        qkv = qkv.view(len(qkv), -1, self._head_dim)
        outputs = []
        if count := len(step.places):
            keys, values = keys[:, :, : step.end], values[:, :, : step.end]
            decoding = qkv[:count], cos[:count], sin[:count], keys, values, step.places
            outputs.append(self._kernels.attend(*decoding))
        for each in step.chunks:
            part = qkv[each.tokens], cos[each.tokens], sin[each.tokens]
            outputs.append(self._attend_chunk(*part, cache, each))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _attend_chunk(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, cache: Tensor, each: ChunkPass
    ) -> Tensor:
        heads, kv_heads, dim = self._heads, self._kv_heads, self._head_dim
        chunk = each.chunk
        rotated = rotate(qkv[:, : heads + kv_heads], cos, sin)
        states = torch.stack((rotated[:, heads:], qkv[:, heads + kv_heads :]))
        cache[:, chunk.row, :, chunk.start : chunk.end] = states.transpose(1, 2)
        keys, values = cache[:, chunk.row, None, :, : chunk.end]
        # The query heads of one key head attend like more tokens with the same past.
        grouped = rotated[:, :heads].view(len(qkv), kv_heads, -1, dim).permute(1, 2, 0, 3)
        mixed = F.scaled_dot_product_attention(
            grouped.reshape(1, kv_heads, -1, dim), keys, values, attn_mask=each.mask
        )
        return mixed.view(kv_heads, -1, len(qkv), dim).permute(2, 0, 1, 3).flatten(1)


def _rope_tables(rotary: Any, length: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines of every position, [positions, head dim]."""
    positions = torch.arange(length, device=like.device)[None]
    cos, sin = rotary(like[:1, None], positions)
    half = sin.shape[-1] // 2
    signed = torch.cat((-sin[0, :, :half], sin[0, :, half:]), dim=-1)
    return cos[0].contiguous(), signed


def _linear(model: PreTrainedModel, layer: int, name: str) -> nn.Linear:
    linear = model.get_submodule(f"model.layers.{layer}.{name}")
    assert isinstance(linear, nn.Linear)
    return linear


def _slides(config: Any) -> bool:
    """Qwen2 names a window even if it does not use it."""
    return bool(getattr(config, "use_sliding_window", True))


def _kernels_for(device: torch.device) -> Kernels:
    """Compiled loops on a CPU, PyTorch's own operations on a GPU."""
    if device.type == "cpu":
        # Imported here: Numba takes a second to import, and only a CPU needs it.
        from server.engine.model.cpu_kernels import CpuKernels

        return CpuKernels()
    return TorchKernels()
