"""Triton's kernels compile for CUDA, which needs no device. The interpreter takes more than that.

`make test-triton` runs this.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from server.engine.model.kernels import LowRank
from server.engine.model.token_tiles import TokenTiles

triton: Any = pytest.importorskip("triton", reason="Triton is not installed: see make test-triton")
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from server.engine.model.gpu import attention, low_rank  # noqa: E402

SHARED_MEMORY = 99 * 1024
"""What one program can have on the smallest of these: compute capability 8.6."""
TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int64: "*i64"}
ROWS = 4


class Compiler:
    """Compiles a kernel for each launch, in place of running it."""

    def __init__(self, kernel: Any, capability: int, shared_memory: list[int]) -> None:
        self._kernel = kernel
        self._target = GPUTarget("cuda", capability, 32)
        self._shared_memory = shared_memory

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return self._compile

    def _compile(self, *arguments: Any, **constants: Any) -> None:
        names = self._kernel.arg_names
        signature = {
            name: TYPES[given.dtype] if isinstance(given, Tensor) else "i32"
            for name, given in zip(names, arguments, strict=False)
        }
        aligned = {
            (names.index(name),): [["tt.divisibility", 16]]
            for name in signature
            if name not in ("bounds", "slots", "places")
        }
        source = ASTSource(
            fn=self._kernel,
            signature=signature | dict.fromkeys(constants, "constexpr"),
            constexprs={(names.index(name),): value for name, value in constants.items()},
            attrs=aligned,
        )
        compiled = triton.compile(source, target=self._target)
        self._shared_memory.append(compiled.metadata.shared)


@pytest.fixture(params=[80, 86, 90], ids=["A100", "RTX 3090", "H100"])
def shared_memory(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[int]]:
    """The bytes that each launch needs. Tensors are on a GPU that is not there."""
    found: list[int] = []
    for module, names in ((low_rank, ("_shrink", "_expand")), (attention, ("_attend", "_join"))):
        for name in names:
            compiler = Compiler(getattr(module, name), request.param, found)
            monkeypatch.setattr(module, name, compiler)
    with FakeTensorMode(), torch.device("cuda"):
        yield found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rank", "inputs"), [(8, 896), (16, 2048), (64, 14336)])
def test_low_rank_products_compile(
    shared_memory: list[int], dtype: torch.dtype, rank: int, inputs: int
) -> None:
    outputs = 3 * 128
    weights = LowRank(
        torch.empty(ROWS, 3 * rank, inputs, dtype=torch.bfloat16),
        torch.empty(ROWS, outputs, rank, dtype=torch.bfloat16),
        [slice(i * 128, i * 128 + 128) for i in range(3)],
        torch.empty(3, 4, dtype=torch.long),
    )
    single = torch.empty(ROWS + 1, dtype=torch.long)
    tiles = TokenTiles(single, torch.empty(ROWS, dtype=torch.long), width=1)
    x, y = torch.empty(ROWS, inputs, dtype=dtype), torch.empty(ROWS, outputs, dtype=dtype)
    low = low_rank.empty_low(x, weights)
    low_rank.shrink(x, tiles, weights, low)
    low_rank.expand(y, low, tiles, weights)
    assert len(shared_memory) == 2
    assert max(shared_memory) <= SHARED_MEMORY


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("group", "dim"), [(7, 64), (4, 128), (1, 96), (8, 256)])
def test_attention_compiles(
    shared_memory: list[int], dtype: torch.dtype, group: int, dim: int
) -> None:
    kv_heads = 2
    cos, sin = (torch.empty(ROWS, 1, dim, dtype=dtype) for _ in range(2))
    keys, values = (torch.empty(ROWS, kv_heads, 512, dim, dtype=dtype) for _ in range(2))
    qkv = torch.empty(ROWS, kv_heads * (group + 2), dim, dtype=dtype)
    places = torch.empty(ROWS, dtype=torch.long)
    attention.attend(qkv, cos, sin, keys, values, places)
    assert len(shared_memory) == 2
    assert max(shared_memory) <= SHARED_MEMORY
