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
from adapters_store.records import LoraConfig
from adapters_store.weights.frozen import FrozenLinear
from server.engine.model.adapter_slots import AdapterSlots, ProjectionShape, ProjectionSlots
from server.engine.model.family import LlamaFamily, family_of
from server.engine.model.gpu.choice import kernels_for
from server.engine.model.gpu.decode_graphs import DecodeGraphs
from server.engine.model.kernels import Kernels, rotate
from server.engine.model.kv_rows import KeyValueRows
from server.engine.model.runner import Chunk, PackedAdapter, SavedPrefix
from server.engine.model.step import ChunkPass, Step, step_of
from server.engine.model.token_tiles import TokenTiles

PROJECTIONS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)


def is_fusible(model: PreTrainedModel) -> bool:
    """Whether `FusedLlama` can run this model."""
    return family_of(model.config) is not None


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
    """Linears with a common input as one product; their modules keep views of its weight.

    Packed weights stay packed: each product unpacks them for a moment.
    """

    def __init__(self, linears: Sequence[Any]) -> None:
        biases = [linear.bias.data for linear in linears if linear.bias is not None]
        self._bias = torch.cat(biases) if biases else None
        self._frozen = [each.packed for each in linears if isinstance(each, FrozenLinear)]
        if not self._frozen:
            self._weight = torch.cat([linear.weight.data for linear in linears])
            parts = torch.split(self._weight, [linear.out_features for linear in linears])
            for linear, part in zip(linears, parts, strict=True):
                linear.weight.data = part

    def __call__(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """[tokens, in] to [tokens, out], plus `added` if given."""
        if self._frozen:
            weight = torch.cat([each.unpack() for each in self._frozen]).to(x.dtype)
        else:
            weight = self._weight
        y = F.linear(x, weight, self._bias)
        return y if added is None else y.add_(added)


class FusedLlama:
    """Runs a Llama-like model: one forward pass for everything in a step. A `Runner`."""

    stored_adapters = None

    def __init__(
        self,
        model: PreTrainedModel,
        lora: LoraConfig,
        rows: int,
        context_length: int,
        kernels: Kernels | None = None,
    ) -> None:
        """`kernels` are those of the model's device if None."""
        inner: Any = model.model
        shapes = projection_shapes(model, list(linear_shapes(model, lora.targets)))
        self._kernels = kernels or kernels_for(model.device, inner.norm.weight.dtype)
        self._adapters = AdapterSlots(shapes, lora, rows, model.device)
        # Where each token begins in a step that only decodes; graphs need a fixed address.
        self._single = torch.arange(rows + 1, device=model.device)
        family = family_of(model.config)
        assert family is not None
        self._family = family
        self._heads, self._kv_heads = family.heads, family.kv_heads
        self._head_dim = family.head_dim
        # The kernels divide scores by the root of the head size.
        self._query_scale = family.attention_scale / family.head_dim**-0.5
        self._embed = inner.embed_tokens
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
                _qk_norm(layer.self_attn, family) if family.has_qk_norm else None,
            )
            for i, layer in enumerate(inner.layers)
        ]
        self._cos, self._sin = _rope_tables(inner.rotary_emb, context_length, self._norm)
        self._cache = KeyValueRows(
            family.layers,
            rows,
            self._kv_heads,
            self._head_dim,
            self._norm.dtype,
            self._norm.device,
        )
        self._graphs = (
            DecodeGraphs(self.decode, rows, self._norm.device)
            if self._norm.device.type == "cuda"
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
        slots = self._adapters.of(rows)
        first_layer = self._adapters.first_layer(slots)
        self._cache.reserve(max([*lengths, *(chunk.end for chunk in chunks)]) + 1)
        if self._graphs and not chunks:
            return self._graphs.run(tokens, lengths, slots, first_layer, self._cache.buffer)
        step = step_of(
            tokens,
            lengths,
            chunks,
            slots=slots,
            first_layer=first_layer,
            group=self._heads // self._kv_heads,
            like=self._norm,
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

    def decode(self, ids: Tensor, places: Tensor, slots: Tensor, first_layer: int) -> Tensor:
        """See `DecodeStep`. It reads no length, so that a graph can replay it."""
        tiles = TokenTiles(self._single[: len(ids) + 1], slots, width=1)
        end = self._cache.buffer.shape[-2]
        return self._pass(Step(ids, places, places, end, tiles, first_layer))

    def _warm_up(self) -> None:
        """Compile what is compiled at first use, so that no user waits for it."""
        self.bind(0, self._adapters.blank())
        self.run([0], [0], [])
        self.bind(0, None)
        self.release()

    def _pass(self, step: Step) -> Tensor:
        self._kernels.begin_step()
        turn = self._cos[step.positions][:, None], self._sin[step.positions][:, None]
        stay = torch.ones_like(turn[0]), torch.zeros_like(turn[1])
        x = self._embed(step.ids) * self._family.embedding_multiplier
        qkv, o, gate_up, down = self._adapters.projections
        for index, layer in enumerate(self._layers):
            attention_norm, mlp_norm, qkv_linear, o_linear, gate_up_linear, down_linear, qk = layer
            h = self._rms_norm(x, attention_norm)
            h = self._product(qkv_linear, h, qkv, index, step)
            h = self._prepared(h, qk)
            cos, sin = turn if self._family.rotates[index] else stay
            h = self._attention(h, cos, sin, self._cache.layer(index), step)
            x = self._plus(x, o_linear, h, o, index, step)
            h = self._rms_norm(x, mlp_norm)
            gate, up = self._product(gate_up_linear, h, gate_up, index, step).chunk(2, dim=-1)
            h = F.silu(gate) * up
            x = self._plus(x, down_linear, h, down, index, step)
        last = x if step.predicting is None else x[step.predicting]
        # The head is linear: dividing what it reads is less work than dividing the logits.
        return self._head(self._rms_norm(last, self._norm) / self._family.logits_scaling)

    def _rms_norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, weight.shape, weight, self._family.epsilon)

    def _plus(
        self,
        x: Tensor,
        linear: FusedLinear,
        h: Tensor,
        slots: ProjectionSlots | None,
        layer: int,
        step: Step,
    ) -> Tensor:
        """`x` [tokens, hidden] plus what a block adds: the adapted product of `h` [tokens, in]."""
        multiplier = self._family.residual_multiplier
        if multiplier == 1.0:
            return self._product(linear, h, slots, layer, step, added=x)
        return x + self._product(linear, h, slots, layer, step) * multiplier

    def _prepared(self, qkv: Tensor, norm: Tensor | None) -> Tensor:
        """Norm and scale queries and keys in place where the family does: [tokens, q + k + v].

        `norm` is [heads + kv heads, head dim].
        """
        if norm is not None:
            states = qkv.view(len(qkv), -1, self._head_dim)[:, : len(norm)]
            normed = F.rms_norm(states, (self._head_dim,), eps=self._family.epsilon)
            states.copy_(normed * norm)
        if self._query_scale != 1.0:
            qkv[:, : self._heads * self._head_dim] *= self._query_scale
        return qkv

    def _product(
        self,
        linear: FusedLinear,
        x: Tensor,
        slots: ProjectionSlots | None,
        layer: int,
        step: Step,
        added: Tensor | None = None,
    ) -> Tensor:
        """The product of `x` [tokens, in] with the base's weights and each row's adapter.

        [tokens, out], plus `added` if given.
        """
        if slots is None or layer < step.first_layer:
            return linear(x, added)
        weights = slots.layer(layer)
        low = self._kernels.shrink(x, step.tiles, weights)
        y = linear(x, added)
        self._kernels.expand(y, low, step.tiles, weights)
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


def _linear(model: PreTrainedModel, layer: int, name: str) -> nn.Linear | FrozenLinear:
    linear = model.get_submodule(f"model.layers.{layer}.{name}")
    assert isinstance(linear, nn.Linear | FrozenLinear)
    return linear


def _qk_norm(attention: Any, family: LlamaFamily) -> Tensor:
    """The norms' weights of every query head, then of every key head: [heads, head dim]."""
    query, key = attention.q_norm.weight.data, attention.k_norm.weight.data
    return torch.cat((query.expand(family.heads, -1), key.expand(family.kv_heads, -1)))
