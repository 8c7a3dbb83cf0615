"""A paired difference with its standard error. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference of `n` pairs, and its standard error (None for a single pair)."""

    mean: float
    standard_error: float | None
    n: int

    @classmethod
    def of(cls, before: Sequence[float], after: Sequence[float]) -> "Difference | None":
        """After − before, pair by pair; None without pairs."""
        each = [b - a for a, b in zip(before, after, strict=True)]
        if not each:
            return None
        error = stdev(each) / sqrt(len(each)) if len(each) > 1 else None
        return cls(mean(each), error, len(each))

    def __str__(self) -> str:
        """In percentage points."""
        error = "" if self.standard_error is None else f" ± {100 * self.standard_error:.1f}"
        return f"{100 * self.mean:+.1f}{error} points (n = {self.n})"
