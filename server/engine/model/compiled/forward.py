"""One forward pass for all tokens of a step: embeddings in, logits out, float32 throughout."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from adapters_store.weights.number_formats import exponential
from adapters_store.weights.product import (
    inputs_for,
    is_quantised,
    multiply,
    quantise,
    quantise_group,
    shrink,
)
from adapters_store.weights.tiles import GROUP
from server.engine.model.compiled.attention import attend, rotate_and_store

QKV, OUT, GATE_UP, DOWN = range(4)
"""The four products of a layer, in order."""

_in_parallel = njit(
    parallel=True,
    fastmath={"reassoc", "contract", "nsz", "arcp"},
    error_model="numpy",
    cache=True,
    nogil=True,
)


class Weights(NamedTuple):
    """What all steps read. Tables are int64 [layers, blocks, 5], see `block_table`.

    The rest is float32.

    Biases are [layers, out], zeros if the model has none; norms [layers, size], q and k norms
    [layers, 0] if it has none. `cos` and `sin` are [positions, head dim], the sines signed.
    """

    qkv: Any
    out: Any
    gate_up: Any
    down: Any
    head: Any  # [blocks, 5]
    qkv_bias: Any
    out_bias: Any
    gate_up_bias: Any
    down_bias: Any
    head_bias: Any  # [vocabulary]
    attention_norm: Any
    mlp_norm: Any
    final_norm: Any  # [hidden]
    q_norm: Any
    k_norm: Any
    cos: Any
    sin: Any
    rotates: Any  # bool [layers]


class Constants(NamedTuple):
    """Numbers of the model: see `LlamaFamily`."""

    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    epsilon: Any
    attention_scale: Any
    residual_multiplier: Any
    logits_scaling: Any


class Adapters(NamedTuple):
    """Which adapter each token has.

    `addresses` is int64 [layers, 4, 2, tokens]: of A and B in each product, 0 for none.
    `linears` int64 [4] is how many linears a product joins; `rank` is padded to 8.
    """

    addresses: Any
    linears: Any
    rank: int


@njit(error_model="numpy", inline="always")
def _padded(size: int) -> int:
    return (size + GROUP - 1) // GROUP * GROUP


@njit(error_model="numpy", cache=True, nogil=True)
def forward(
    like: Any,
    weights: Weights,
    constants: Constants,
    adapters: Adapters,
    x: Any,
    positions: Any,
    rows: Any,
    predicting: Any,
    cache: Any,
) -> Any:
    """Logits float32 [predicting, vocabulary].

    `like` is the weights' `dtype_marker`; `x` float32 [tokens, hidden] are the embeddings, which
    are overwritten; `positions` and `rows` int64 [tokens] say where each token's keys and values go
    in `cache` [layers, 2, rows, kv heads, positions, dim]; `predicting` int64 are places of tokens.
    """
    tokens, hidden = x.shape
    heads, kv_heads, dim = constants.heads, constants.kv_heads, constants.head_dim
    wide = constants.intermediate
    multiplier, one = constants.residual_multiplier, np.float32(1)

    h = np.zeros((tokens, _padded(hidden)), np.float32)
    qkv = np.empty((tokens, heads + 2 * kv_heads, dim), np.float32)
    mixed = np.zeros((tokens, _padded(heads * dim)), np.float32)
    gate_up = np.empty((tokens, 2 * wide), np.float32)
    gated = np.zeros((tokens, _padded(wide)), np.float32)
    h_int, h_scales = inputs_for(like, tokens, h.shape[1])
    mixed_int, mixed_scales = inputs_for(like, tokens, mixed.shape[1])
    gated_int, gated_scales = inputs_for(like, tokens, gated.shape[1])

    for layer in range(len(weights.qkv)):
        _normalise(like, x, weights.attention_norm[layer], constants.epsilon, h, h_int, h_scales)
        low, b, rank = _shrunk(adapters, layer, QKV, h)
        multiply(
            like,
            weights.qkv[layer],
            h,
            h_int,
            h_scales,
            weights.qkv_bias[layer],
            low,
            b,
            rank,
            qkv.reshape(tokens, -1),
            False,
            one,
        )
        rotate_and_store(
            qkv,
            positions,
            rows,
            weights.cos,
            weights.sin,
            weights.q_norm[layer],
            weights.k_norm[layer],
            weights.rotates[layer],
            constants.epsilon,
            cache[layer],
        )
        attend(qkv, positions, rows, constants.attention_scale, cache[layer], mixed)
        if is_quantised(like):
            quantise(mixed, mixed_int, mixed_scales)
        low, b, rank = _shrunk(adapters, layer, OUT, mixed)
        multiply(
            like,
            weights.out[layer],
            mixed,
            mixed_int,
            mixed_scales,
            weights.out_bias[layer],
            low,
            b,
            rank,
            x,
            True,
            multiplier,
        )
        _normalise(like, x, weights.mlp_norm[layer], constants.epsilon, h, h_int, h_scales)
        low, b, rank = _shrunk(adapters, layer, GATE_UP, h)
        multiply(
            like,
            weights.gate_up[layer],
            h,
            h_int,
            h_scales,
            weights.gate_up_bias[layer],
            low,
            b,
            rank,
            gate_up,
            False,
            one,
        )
        _gate(like, gate_up, gated, gated_int, gated_scales)
        low, b, rank = _shrunk(adapters, layer, DOWN, gated)
        multiply(
            like,
            weights.down[layer],
            gated,
            gated_int,
            gated_scales,
            weights.down_bias[layer],
            low,
            b,
            rank,
            x,
            True,
            multiplier,
        )

    last = x[predicting]
    count = len(last)
    logits = np.zeros((count, len(weights.head_bias)), np.float32)
    if count:
        _normalise(like, last, weights.final_norm, constants.epsilon, h, h_int, h_scales)
        nothing, none = np.empty((count, 0), np.float32), np.zeros(count, np.int64)
        multiply(
            like,
            weights.head,
            h[:count],
            h_int[:count],
            h_scales[:count],
            weights.head_bias,
            nothing,
            none,
            0,
            logits,
            True,
            one / constants.logits_scaling,
        )
    return logits


@njit(error_model="numpy", cache=True, nogil=True)
def _shrunk(adapters: Any, layer: Any, product: Any, x: Any) -> Any:
    """Every token's inputs times its A, the addresses of its B, and the rank: 0 if none has any."""
    a, b = adapters.addresses[layer, product]
    if not a.any():
        return np.empty((0, 0), np.float32), b, 0
    low = np.empty((len(x), adapters.linears[product] * adapters.rank), np.float32)
    shrink(x, a, low)
    return low, b, adapters.rank


@_in_parallel
def _normalise(
    like: Any, x: Any, weight: Any, epsilon: Any, h: Any, quantised: Any, scales: Any
) -> None:
    """x / rms(x) * weight of each token (Zhang, Sennrich 2019), and its quantised form."""
    size = x.shape[1]
    for token in prange(len(x)):
        numbers, normed = x[token], h[token]
        total = np.float32(0)
        for i in range(size):
            total += numbers[i] * numbers[i]
        scale = np.float32(1) / np.sqrt(total / np.float32(size) + epsilon)
        for i in range(size):
            normed[i] = numbers[i] * scale * weight[i]
        if is_quantised(like):
            for group in range(scales.shape[1]):
                part = slice(group * GROUP, (group + 1) * GROUP)
                scales[token, group] = quantise_group(normed[part], quantised[token, part])


@_in_parallel
def _gate(like: Any, gate_up: Any, gated: Any, quantised: Any, scales: Any) -> None:
    """silu(gate) * up of each token, and its quantised form."""
    size = gate_up.shape[1] // 2
    groups = gated.shape[1] // GROUP
    for job in prange(len(gated) * groups):
        token, group = job // groups, job % groups
        start, end = group * GROUP, min(group * GROUP + GROUP, size)
        gate, up = gate_up[token, start:end], gate_up[token, size + start : size + end]
        out = gated[token, start : group * GROUP + GROUP]
        for i in range(end - start):
            out[i] = gate[i] / (np.float32(1) + exponential(-gate[i])) * up[i]
        if is_quantised(like):
            rounded = quantised[token, start : start + GROUP]
            scales[token, group] = quantise_group(out, rounded)
