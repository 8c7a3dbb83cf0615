"""Attention of single tokens to their own row's past, one after the other in a fixed order.

Decoding and reading a prompt run the same loops, so a token's bits do not depend on how its prompt
was cut into chunks, on what was cached, or on other rows.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from adapters_store.weights.number_formats import exponential, narrowed
from server.engine.model.compiled.attention_tiles import mix_1, mix_8, scores_1, scores_8

# Sums may be reordered into vectors; they are so for every token alike.
_in_parallel = njit(
    parallel=True,
    fastmath={"reassoc", "contract", "nsz", "arcp"},
    error_model="numpy",
    cache=True,
    nogil=True,
)
_inlined = njit(
    fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy", inline="always"
)


@_inlined
def _norm_head(numbers: Any, weight: Any, epsilon: Any) -> None:
    """RMS norm of one head, in place."""
    total = np.float32(0)
    for i in range(len(numbers)):
        total += numbers[i] * numbers[i]
    scale = np.float32(1) / np.sqrt(total / np.float32(len(numbers)) + epsilon)
    for i in range(len(numbers)):
        numbers[i] = numbers[i] * scale * weight[i]


@_inlined
def _rotate_head(numbers: Any, cos: Any, sin: Any) -> None:
    """Rotary embedding in place (Su et al. 2021); `sin` carries the sign of the first half."""
    half = len(numbers) // 2
    for i in range(half):
        first, second = numbers[i], numbers[half + i]
        numbers[i] = first * cos[i] + second * sin[i]
        numbers[half + i] = second * cos[half + i] + first * sin[half + i]


@_in_parallel
def rotate_and_store(
    qkv: Any,
    positions: Any,
    rows: Any,
    cos: Any,
    sin: Any,
    q_norm: Any,
    k_norm: Any,
    rotates: bool,
    epsilon: Any,
    cache: Any,
) -> None:
    """Norm and rotate queries and keys in place, then store keys and values.

    `qkv` is float32 [tokens, heads + 2 * kv heads, dim]; `cos` and `sin` are [positions, dim];
    `cache` is one layer's [2, rows, kv heads, positions, dim]. Norms of length 0 are left out.
    """
    tokens, all_heads, dim = qkv.shape
    kv_heads = cache.shape[2]
    rotated = all_heads - kv_heads
    for job in prange(tokens * all_heads):
        token, head = job // all_heads, job % all_heads
        numbers, position = qkv[token, head], positions[token]
        if head < rotated:
            norm = q_norm if head < rotated - kv_heads else k_norm
            if len(norm):
                _norm_head(numbers, norm, epsilon)
            if rotates:
                _rotate_head(numbers, cos[position], sin[position])
        first_key = rotated - kv_heads
        if head >= first_key:
            kind, kv_head = (head - first_key) // kv_heads, (head - first_key) % kv_heads
            stored = cache[kind, rows[token], kv_head, position]
            for i in range(dim):
                stored[i] = narrowed(numbers[i], stored[i])


@_in_parallel
def attend(qkv: Any, positions: Any, rows: Any, scale: Any, cache: Any, mixed: Any) -> None:
    """Softmax(scale * q K') V of every token over its row's positions up to its own.

    `mixed` is float32 [tokens, at least heads * dim]; arguments are those of `rotate_and_store`.
    """
    tokens, all_heads, dim = qkv.shape
    kv_heads = cache.shape[2]
    group = all_heads // kv_heads - 2
    for job in prange(tokens * kv_heads):
        place, kv_head = job // kv_heads, job % kv_heads
        # Late tokens of a prompt see more: one from each end in turn, so threads share the work.
        token = place // 2 if place % 2 == 0 else tokens - 1 - place // 2
        seen = positions[token] + 1
        keys, values = cache[0, rows[token], kv_head], cache[1, rows[token], kv_head]
        queries = qkv[token, kv_head * group : (kv_head + 1) * group]
        scores = np.empty((group, seen), np.float32)
        stride, whole = keys.strides[0], seen // 8 * 8
        for position in range(0, whole, 8):
            address = keys[position].ctypes.data
            for head in range(group):
                query, out = queries[head].ctypes.data, scores[head, position:].ctypes.data
                scores_8(keys, query, address, stride, dim, out)
        for position in range(whole, seen):
            address = keys[position].ctypes.data
            for head in range(group):
                query, out = queries[head].ctypes.data, scores[head, position:].ctypes.data
                scores_1(keys, query, address, stride, dim, out)
        sums = np.zeros((group, dim), np.float32)
        for head in range(group):
            own = scores[head]
            highest = own[0]
            for position in range(seen):
                highest = max(highest, own[position])
            total = np.float32(0)
            for position in range(seen):
                weight = exponential((own[position] - highest) * scale)
                own[position] = weight
                total += weight
            inverse = np.float32(1) / total
            for position in range(seen):
                own[position] *= inverse
        for position in range(0, whole, 8):
            address = values[position].ctypes.data
            for head in range(group):
                weights, out = scores[head, position:].ctypes.data, sums[head].ctypes.data
                mix_8(values, weights, address, stride, dim, out)
        for position in range(whole, seen):
            address = values[position].ctypes.data
            for head in range(group):
                weights, out = scores[head, position:].ctypes.data, sums[head].ctypes.data
                mix_1(values, weights, address, stride, dim, out)
        for head in range(group):
            start = (kv_head * group + head) * dim
            for i in range(dim):
                mixed[token, start + i] = sums[head, i]
