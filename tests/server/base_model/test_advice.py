"""What the start says of the model's memory and speed, and which model it suggests."""

from hypothesis import given
from hypothesis import strategies as st

from adapters_store.models.built_in import BUILT_IN, SMALLEST
from server.base_model.advice import (
    COMFORTABLE,
    PLENTY,
    SLOW,
    Measured,
    advise,
    better_model,
    describe,
)

SMALL, MIDDLE, LARGE = BUILT_IN.values()
SIZES = st.integers(1_000_000, 1 << 36)
SPEEDS = st.floats(0.01, 5000)


def of(
    model: str,
    speed: float | None,
    *,
    weights: int = MIDDLE.weights_bytes,
    room: int = 1 << 40,
) -> Measured:
    return Measured(model, weights, 3_200_000_000, room, speed)


@st.composite
def measurements(draw: st.DrawFn) -> Measured:
    if draw(st.booleans()):
        built_in = draw(st.sampled_from(list(BUILT_IN.values())))
        name, weights = built_in.name, built_in.weights_bytes
    else:
        name, weights = "org/model", draw(SIZES)
    return of(name, draw(SPEEDS), weights=weights, room=draw(SIZES))


def test_memory_and_speed_are_one_sentence() -> None:
    assert describe(of(MIDDLE.name, 11.6)) == (
        "qwen2.5-coder-0.5b takes 3.2 GB of memory and writes 12 tokens/s."
    )
    assert describe(of(MIDDLE.name, 4.25)).endswith("writes 4.2 tokens/s.")


def test_without_a_measured_speed_only_the_memory_is_said() -> None:
    measured = of(MIDDLE.name, None)
    assert describe(measured) == "qwen2.5-coder-0.5b takes 3.2 GB of memory."
    assert better_model(measured, BUILT_IN.values()) is None


def test_a_slow_model_has_a_smaller_one_suggested() -> None:
    measured = of(MIDDLE.name, 3.0)
    better = better_model(measured, BUILT_IN.values())
    assert better is SMALL
    assert advise(measured, better, has_adapters=False) == (
        f"A smaller model is quicker: make serve MODEL={SMALLEST}"
    )


def test_of_several_smaller_models_the_largest_that_is_quick_enough_is_suggested() -> None:
    measured = of("org/model", 4.0, weights=2 * LARGE.weights_bytes)
    assert better_model(measured, BUILT_IN.values()) is LARGE


def test_a_quick_model_on_a_large_machine_has_a_larger_one_suggested() -> None:
    measured = of(MIDDLE.name, 200.0)
    better = better_model(measured, BUILT_IN.values())
    assert better is LARGE
    assert "MODEL=qwen2.5-coder-1.5b" in advise(measured, better, has_adapters=False)


def test_with_adapters_a_new_data_folder_is_suggested_too() -> None:
    measured = of(MIDDLE.name, 3.0)
    assert "DATA=FOLDER" in advise(measured, SMALL, has_adapters=True)


@given(measurements())
def test_a_model_that_is_neither_slow_nor_very_quick_is_left_alone(measured: Measured) -> None:
    better = better_model(measured, BUILT_IN.values())
    speed = measured.tokens_per_second or 0
    if SLOW <= speed <= PLENTY:
        assert better is None
        assert advise(measured, better, has_adapters=False) == ""


@given(measurements())
def test_a_smaller_model_is_suggested_exactly_if_this_one_is_slow_and_there_is_one(
    measured: Measured,
) -> None:
    better = better_model(measured, BUILT_IN.values())
    is_smaller = better is not None and better.weights_bytes < measured.weights_bytes
    is_slow = (measured.tokens_per_second or 0) < SLOW
    assert is_smaller == (is_slow and measured.weights_bytes > SMALL.weights_bytes)


@given(measurements())
def test_a_larger_model_that_is_suggested_fits_and_stays_comfortable(measured: Measured) -> None:
    better = better_model(measured, BUILT_IN.values())
    if better is not None and better.weights_bytes > measured.weights_bytes:
        speed = measured.tokens_per_second or 0
        assert speed > PLENTY
        assert better.memory_bytes <= measured.room_bytes
        assert speed * measured.weights_bytes / better.weights_bytes >= COMFORTABLE


@given(measurements())
def test_the_model_that_is_served_is_never_suggested(measured: Measured) -> None:
    better = better_model(measured, BUILT_IN.values())
    assert better is None or better.name != measured.model
