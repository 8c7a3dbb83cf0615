"""A count out of a total, its share and the confidence interval. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Tally:
    """`hits` out of `total`."""

    hits: int = 0
    total: int = 0

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> "Tally":
        """How many of these are true."""
        found = list(outcomes)
        return cls(sum(found), len(found))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.hits + other.hits, self.total + other.total)

    @property
    def share(self) -> float:
        """Hits ÷ total; 0 without any."""
        return self.hits / max(self.total, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % score interval of the share (Wilson 1927, equation 3); 0 to 1 without any."""
        if not self.total:
            return 0.0, 1.0
        n, squared = self.total, _Z * _Z
        centre = (self.share + squared / (2 * n)) / (1 + squared / n)
        half = (
            _Z * sqrt(self.share * (1 - self.share) / n + squared / (4 * n * n)) / (1 + squared / n)
        )
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.2f} ({low:.2f}–{high:.2f}, n = {self.total})"
