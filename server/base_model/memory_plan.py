"""Plans the memory of a base model before it is loaded, and says what would not fit. Pure."""

from dataclasses import dataclass

PROCESS_BYTES = 700_000_000
"""The server without a model: PyTorch, transformers, tokenizer, grammars."""
TYPICAL_TOKENS = 1024
"""A row's length that must fit; longer chats are refused one by one if memory runs out."""

_INT8_BYTES = 1 + 4 / 64  # a float32 scale for each group of 64


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes that serving takes: the weights, keys and values of full rows, and caches at most."""

    weights: int
    rows: int
    caches: int

    @property
    def least(self) -> int:
        """Without this the model cannot be served."""
        return self.weights + PROCESS_BYTES

    @property
    def most(self) -> int:
        """With every row and cache in use."""
        return self.least + self.rows + self.caches


def plan_memory(
    *,
    parameters: int,
    weight_bytes: float,
    token_bytes: int,
    max_batch_size: int,
    cache_bytes: int,
) -> MemoryPlan:
    """The plan for a model of so many parameters with `weight_bytes` each.

    `token_bytes` is the memory of one token's keys and values.
    """
    return MemoryPlan(
        weights=int(parameters * weight_bytes),
        rows=max_batch_size * TYPICAL_TOKENS * token_bytes,
        caches=cache_bytes,
    )


def bytes_of(precision: str) -> float:
    """The memory of one weight."""
    return {"int8": _INT8_BYTES, "bfloat16": 2.0, "float32": 4.0}[precision]


def refusal(plan: MemoryPlan, available: int, model: str, *, is_int8: bool) -> str | None:
    """Why the model cannot be loaded at all, and which setting helps; None if it can."""
    if plan.least <= available:
        return None
    setting = "set `model` to a smaller one" if is_int8 else "set `base_precision` to `int8`"
    return (
        f"{model} needs {_gigabytes(plan.least)} of memory to be loaded, and "
        f"{_gigabytes(available)} are free: {setting}"
    )


def warning(plan: MemoryPlan, available: int, model: str) -> str | None:
    """What may not fit when the server is busy, and which settings help; None if all fits."""
    if not plan.least <= available < plan.most:
        return None
    return (
        f"{model} fits, but may run out of memory when the server is busy: weights "
        f"{_gigabytes(plan.weights)}, chats {_gigabytes(plan.rows)}, caches "
        f"{_gigabytes(plan.caches)}; {_gigabytes(available)} are free. Lower `max_batch_size`, "
        "`prefix_cache_mb` or `adapter_cache_mb`."
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
