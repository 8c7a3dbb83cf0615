"""Says what the base model takes, and whether another built-in one suits the machine. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from adapters_store.models.built_in import BuiltInModel

SLOW = 5.0  # tokens/s; slower than people read
COMFORTABLE = 15.0
PLENTY = 4 * COMFORTABLE


@dataclass(frozen=True, slots=True)
class Measured:
    """What a loaded base model takes, and how fast it writes one reply, if that was measured.

    `room_bytes` is the memory that it takes and what is free beside it.
    """

    model: str
    weights_bytes: int
    memory_bytes: int
    room_bytes: int
    tokens_per_second: float | None


def describe(measured: Measured) -> str:
    """One sentence with the measured figures."""
    takes = f"{measured.model} takes {measured.memory_bytes / 1e9:.1f} GB of memory"
    if measured.tokens_per_second is None:
        return f"{takes}."
    return f"{takes} and writes {_speed(measured.tokens_per_second)} tokens/s."


def better_model(measured: Measured, models: Collection[BuiltInModel]) -> BuiltInModel | None:
    """A smaller model if this one is slow, a larger one if there is room; None if it suits.

    A token takes as much longer as the weights have more bytes.
    """
    speed = measured.tokens_per_second
    if speed is None:
        return None

    def expected(model: BuiltInModel) -> float:
        return speed * measured.weights_bytes / model.weights_bytes

    def fits(model: BuiltInModel) -> bool:
        return model.memory_bytes <= measured.room_bytes

    others = [model for model in models if model.name != measured.model]
    if speed < SLOW:
        smaller = [m for m in others if m.weights_bytes < measured.weights_bytes]
        quick = [m for m in smaller if expected(m) >= SLOW]
        best = max(quick, key=_size, default=None)
        return best or min(smaller, key=_size, default=None)
    if speed <= PLENTY:
        return None
    larger = [m for m in others if m.weights_bytes > measured.weights_bytes]
    fitting = [m for m in larger if fits(m) and expected(m) >= COMFORTABLE]
    return max(fitting, key=_size, default=None)


def advise(measured: Measured, better: BuiltInModel | None, *, has_adapters: bool) -> str:
    """What to do to serve the better model; empty if there is none."""
    if better is None:
        return ""
    is_larger = better.weights_bytes > measured.weights_bytes
    reason = "There is room for a larger model" if is_larger else "A smaller model is quicker"
    if not has_adapters:
        return f"{reason}: make serve MODEL={better.name}"
    return (
        f"{reason}: make serve MODEL={better.name} DATA=FOLDER, with a new folder, because the "
        "adapters here fit only their own base model"
    )


def _size(model: BuiltInModel) -> int:
    return model.weights_bytes


def _speed(tokens_per_second: float) -> str:
    return f"{tokens_per_second:.0f}" if tokens_per_second >= 10 else f"{tokens_per_second:.1f}"
