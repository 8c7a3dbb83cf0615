"""One measure of a candidate, beside the base and the base with memory. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_EARLIER_NAMES = {"adapter": "candidate", "count": "n", "lost": "examples"}
"""Those of the evaluation suite."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of the candidate, and the `bound` that it must keep.

    `base` and `memory` are the same number of the base alone and with the user's memory in its
    prompt, None if it was not measured. `n` is the number of prompts or texts behind it, `p` the
    chance of such a gain or loss without any difference, if that was tested. The sentence is for
    users. `examples` are a few prompts on which only the base did well.
    """

    name: str
    candidate: float
    base: float | None
    memory: float | None
    n: int
    bound: float
    is_met: bool
    sentence: str
    p: float | None = None
    examples: tuple[str, ...] = ()


def failed_sentences(measures: Iterable[Measure]) -> tuple[str, ...]:
    """What the measures say that are not met; nothing if a candidate may answer."""
    return tuple(each.sentence for each in measures if not each.is_met)


def read_measure(stored: Mapping[str, Any]) -> Measure:
    """Read a measure from JSON.

    Earlier releases stored no bound in the evaluation suite; there it is the base's number.
    """
    values = {_EARLIER_NAMES.get(name, name): value for name, value in stored.items()}
    if "is_refused" in values:
        values |= {"is_met": not values.pop("is_refused")}
        values |= {"memory": None, "bound": values["base"]}
    return Measure(**values | {"examples": tuple(values.get("examples", ()))})
