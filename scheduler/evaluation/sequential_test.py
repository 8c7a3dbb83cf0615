"""Whether the replies of the version in use are rated worse than earlier ones. Pure.

A sequential test that may be read after every rating. The evidence is the Bayes factor of "more
replies are bad than before" against "as many as before", with Beta(1, 1) priors on both shares.
If nothing got worse it is a non-negative martingale that begins at 1. So it reaches 1 / `LEVEL`
with a chance of at most `LEVEL` (Ville 1939; Grünwald, de Heide and Koolen 2024, "Safe testing",
arXiv 1906.07801), on average over all shares. Computed at single shares, with 1 to 100 earlier
ratings and over 120 later ones, the chance is below 3 %.
"""

from dataclasses import dataclass
from math import exp, lgamma, log

LEVEL = 0.05
"""How often a version that is as good as the one before may be rolled back."""

FEWEST_BAD = 3
"""Fewer dislikes may be slips of the finger."""

HISTORY = 100
"""A version is compared with at most this many earlier replies, the newest ones."""


@dataclass(frozen=True, slots=True)
class RatingCounts:
    """How many replies were rated, and how many of them bad."""

    bad: int
    rated: int

    @property
    def good(self) -> int:
        """How many were rated good."""
        return self.rated - self.bad


def why_roll_back(since: RatingCounts, before: RatingCounts) -> str | None:
    """The reason to roll back, or None. `since` counts replies of the version in use, `before`
    those that were written before it."""
    if since.bad < FEWEST_BAD or log_evidence(since, before) < -log(LEVEL):
        return None
    return (
        f"rolled back automatically: {since.bad} of {since.rated} rated replies were bad,"
        f" {100 * before.bad / before.rated:.0f} % of {before.rated} before"
    )


def log_evidence(since: RatingCounts, before: RatingCounts) -> float:
    """The natural logarithm of the Bayes factor; 0 without ratings.

    Without history the share before is one half on average, so nothing counts as worse. A lower
    guess would roll back users who dislike most replies that they rate.
    """
    earlier = before.bad + 1, before.good + 1
    later = since.bad + 1, since.good + 1
    changed = (
        _log_beta(*later)
        + log(_chance_of_more(earlier, later))
        - log(_chance_of_more(earlier, (1, 1)))
    )
    same = _log_beta(earlier[0] + since.bad, earlier[1] + since.good) - _log_beta(*earlier)
    return changed - same


def _chance_of_more(earlier: tuple[int, int], later: tuple[int, int]) -> float:
    """P(q > p) for independent p ~ Beta(`earlier`) and q ~ Beta(`later`), with whole parameters
    (Miller 2015, "Formulas for Bayesian A/B testing")."""
    (a, b), (c, d) = earlier, later
    terms = (
        exp(_log_beta(a + i, b + d) - log(d + i) - _log_beta(1 + i, d) - _log_beta(a, b))
        for i in range(c)
    )
    return min(1.0, sum(terms))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
