"""The memory plan: what fits, what does not, and what is said."""

from hypothesis import given
from hypothesis import strategies as st

from server.base_model.memory_plan import (
    PROCESS_BYTES,
    MemoryPlan,
    bytes_of,
    plan_memory,
    refusal,
    warning,
)

SIZES = st.integers(0, 10**12)
PLANS = st.builds(MemoryPlan, weights=SIZES, rows=SIZES, caches=SIZES)


@given(PLANS, SIZES)
def test_a_model_is_refused_or_warned_of_or_fits(plan: MemoryPlan, available: int) -> None:
    is_refused = refusal(plan, available, "m", is_int8=False) is not None
    is_warned = warning(plan, available, "m") is not None
    assert is_refused == (available < plan.least)
    assert is_warned == (plan.least <= available < plan.most)


def test_full_weights_that_do_not_fit_are_told_of_int8() -> None:
    plan = MemoryPlan(weights=16 * 10**9, rows=0, caches=0)
    said = refusal(plan, 10**10, "llama-8b", is_int8=False)
    assert said == (
        "llama-8b needs 16.7 GB of memory to be loaded, and 10.0 GB are free: "
        "set `base_precision` to `int8`"
    )


def test_int8_weights_that_do_not_fit_are_told_of_a_smaller_model() -> None:
    plan = MemoryPlan(weights=16 * 10**9, rows=0, caches=0)
    assert "a smaller one" in (refusal(plan, 10**10, "m", is_int8=True) or "")


def test_an_8b_model_in_int8_serves_8_rows_beside_training_in_24_gigabytes() -> None:
    # Llama 3 8B: 32 layers of 8 key heads of 128, bfloat16.
    token_bytes = 32 * 2 * 8 * 128 * 2
    plan = plan_memory(
        parameters=8_030_000_000,
        weight_bytes=bytes_of("int8"),
        token_bytes=token_bytes,
        max_batch_size=8,
        cache_bytes=2 << 30,
    )
    assert plan.most - PROCESS_BYTES < 13 * 10**9
