"""One measure of a candidate, beside the base and the base with memory. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of the candidate, and the `bound` that it must keep.

    `base` and `memory` are the same number of the base alone and with the user's memory in its
    prompt, None if it was not measured. `n` is the number of prompts or texts behind it, `p` the
    chance of a result as good without any gain, if that was tested. The sentence is for users.
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
