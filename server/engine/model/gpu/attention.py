"""Attention of one new token in each row, in two Triton kernels that read only what is filled.

A row's past is dealt to `SPLITS` programs in blocks; each keeps a softmax of its own (Dao et al.
2023, Flash-Decoding), and the second kernel joins them. The deal does not depend on other rows, so
neither does a row's result.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from server.engine.model.gpu.low_rank import LEAST_BLOCK, least_block, operand_type

SPLITS = 16
"""Programs that share a row's past: a row alone should keep many processors busy."""
MAX_POSITIONS = 64
BLOCK_BYTES = 16384
"""Keys, or values, that a program reads at once; several such blocks fit every GPU's processors."""


def attend(
    qkv: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, places: Tensor
) -> Tensor:
    """See `Kernels.attend`."""
    rows, heads, dim = qkv.shape
    kv_heads = keys.shape[1]
    group = heads // kv_heads - 2
    dims = least_block(dim)
    positions = max(LEAST_BLOCK, BLOCK_BYTES // (dims * qkv.element_size()))
    sizes: dict[str, Any] = {
        "GROUP": group,
        "DIM": dim,
        "KV_HEADS": kv_heads,
        "SPLITS": SPLITS,
        "POSITIONS": min(MAX_POSITIONS, positions),
        "DIMS": dims,
    }
    mixed = qkv.new_empty(rows, kv_heads * group * dim)
    parts = qkv.new_empty(rows, kv_heads * group, SPLITS, dim, dtype=torch.float32)
    logs = qkv.new_empty(rows, kv_heads * group, SPLITS, dtype=torch.float32)
    _attend[(rows, kv_heads, SPLITS)](
        qkv,
        cos,
        sin,
        keys,
        values,
        places,
        parts,
        logs,
        keys.stride(0),
        keys.stride(1),
        SCALE=dim**-0.5,
        QUERIES=least_block(group),
        OPERAND=operand_type(qkv),
        **sizes,
    )
    _join[(rows, kv_heads * group)](parts, logs, places, mixed, **sizes)
    return mixed


def _attend_part(
    qkv: "Any",
    cos: "Any",
    sin: "Any",
    keys: "Any",
    values: "Any",
    places: "Any",
    parts: "Any",
    logs: "Any",
    row_stride: "Any",
    head_stride: "Any",
    SCALE: tl.constexpr,
    GROUP: tl.constexpr,
    DIM: tl.constexpr,
    KV_HEADS: tl.constexpr,
    SPLITS: tl.constexpr,
    POSITIONS: tl.constexpr,
    QUERIES: tl.constexpr,
    DIMS: tl.constexpr,
    OPERAND: tl.constexpr,
) -> None:
    row, head, split = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    place = tl.load(places + row).to(tl.int32)
    if (place < 0) | ((split > 0) & (split * POSITIONS >= place)):
        return
    dims, queries = tl.arange(0, DIMS), tl.arange(0, QUERIES)
    is_dim = dims < DIM
    is_query = (queries < GROUP)[:, None] & is_dim[None, :]
    # The rotary embedding pairs each number with the one half a head away.
    other = (dims + DIM // 2) % DIM
    turn = tl.load(cos + row * DIM + dims, is_dim, 0.0).to(tl.float32)
    shift = tl.load(sin + row * DIM + dims, is_dim, 0.0).to(tl.float32)
    own = qkv + row * (KV_HEADS * (GROUP + 2) * DIM)
    heads = own + (head * GROUP + queries[:, None]) * DIM
    rotated = tl.load(heads + dims[None, :], is_query, 0.0).to(tl.float32) * turn[None, :]
    rotated += tl.load(heads + other[None, :], is_query, 0.0).to(tl.float32) * shift[None, :]
    query = rotated.to(keys.dtype.element_ty).to(OPERAND)
    past_keys = keys + row * row_stride + head * head_stride
    past_values = values + row * row_stride + head * head_stride

    highest = tl.full((QUERIES,), float("-inf"), tl.float32)
    total = tl.zeros((QUERIES,), tl.float32)
    mixed = tl.zeros((QUERIES, DIMS), tl.float32)
    if split == 0:
        # The new token sees itself; no other program reads its place.
        own_key = own + (KV_HEADS * GROUP + head) * DIM
        turned = tl.load(own_key + dims, is_dim, 0.0).to(tl.float32) * turn
        turned += tl.load(own_key + other, is_dim, 0.0).to(tl.float32) * shift
        key = turned.to(keys.dtype.element_ty)
        value = tl.load(own_key + KV_HEADS * DIM + dims, is_dim, 0.0)
        tl.store(past_keys + place * DIM + dims, key, is_dim)
        tl.store(past_values + place * DIM + dims, value, is_dim)
        highest = tl.sum(query.to(tl.float32) * key.to(tl.float32)[None, :], 1) * SCALE
        total += 1.0
        mixed += value.to(tl.float32)[None, :]
    for start in range(split * POSITIONS, place, SPLITS * POSITIONS):
        positions = start + tl.arange(0, POSITIONS)
        is_past = positions < place
        at = positions[:, None] * DIM + dims[None, :]
        is_number = is_past[:, None] & is_dim[None, :]
        block = tl.load(past_keys + at, is_number, 0.0).to(OPERAND)
        scores = tl.dot(query, tl.trans(block), input_precision="ieee") * SCALE
        scores = tl.where(is_past[None, :], scores, float("-inf"))
        higher = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.exp(scores - higher[:, None])
        before = tl.exp(highest - higher)
        total = total * before + tl.sum(weights, 1)
        block = tl.load(past_values + at, is_number, 0.0).to(OPERAND)
        mixed = tl.dot(weights.to(OPERAND), block, mixed * before[:, None], input_precision="ieee")
        highest = higher
    part = ((row * KV_HEADS + head) * GROUP + queries) * SPLITS + split
    tl.store(parts + part[:, None] * DIM + dims[None, :], mixed / total[:, None], is_query)
    tl.store(logs + part, highest + tl.log(total), queries < GROUP)


def _join_parts(
    parts: "Any",
    logs: "Any",
    places: "Any",
    mixed: "Any",
    GROUP: tl.constexpr,
    DIM: tl.constexpr,
    KV_HEADS: tl.constexpr,
    SPLITS: tl.constexpr,
    POSITIONS: tl.constexpr,
    DIMS: tl.constexpr,
) -> None:
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    place = tl.load(places + row)
    if place < 0:
        return
    dims, splits = tl.arange(0, DIMS), tl.arange(0, SPLITS)
    is_used = (splits == 0) | (splits * POSITIONS < place)
    part = (row * KV_HEADS * GROUP + head) * SPLITS + splits
    own = tl.load(logs + part, is_used, float("-inf"))
    weights = tl.exp(own - tl.max(own, 0))
    weights = weights / tl.sum(weights, 0)
    is_number = is_used[:, None] & (dims < DIM)[None, :]
    numbers = tl.load(parts + part[:, None] * DIM + dims[None, :], is_number, 0.0)
    result = tl.sum(weights[:, None] * numbers, 0)
    place_of_head = mixed + (row * KV_HEADS * GROUP + head) * DIM
    tl.store(place_of_head + dims, result.to(mixed.dtype.element_ty), dims < DIM)


# The address of the places varies with the number of rows; no other version is worth compiling.
_attend: Any = triton.jit(_attend_part, do_not_specialize_on_alignment=["places"])
_join: Any = triton.jit(_join_parts, do_not_specialize_on_alignment=["places"])
