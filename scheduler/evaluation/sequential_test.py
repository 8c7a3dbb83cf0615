"""Whether the replies of the version in use are judged worse than those before it.

Pure. A sequential test that may be looked at after every judgement: the evidence is the Bayes
factor of "more replies are bad than before" against "as many as before", a mixture of likelihood
ratios with Beta(1, 1) priors on both shares. While nothing got worse it is a non-negative
martingale that begins at 1, so it ever reaches 1 / `LEVEL` with a chance of `LEVEL` at most (Ville
1939; Grünwald, de Heide and Koolen 2024, "Safe testing", arXiv 1906.07801). That holds on average
over shares that are all equally likely; computed at single shares, with 1 to 100 earlier judgements
and over 120 later ones, the chance is below 3 %.
"""

from dataclasses import dataclass
from math import exp, lgamma, log

LEVEL = 0.05
"""How often a version that is as good as what it replaced may be rolled back."""

FEWEST_BAD = 3
"""A slip of the finger is no reason to go back, even of a user who never disliked anything."""

HISTORY = 100
"""How many replies before it a version is compared with, at most: the newest count."""


@dataclass(frozen=True, slots=True)
class RatingCounts:
    """How many replies were judged, and how many of them bad."""

    bad: int
    judged: int

    @property
    def good(self) -> int:
        """How many were judged good."""
        return self.judged - self.bad


def why_roll_back(since: RatingCounts, before: RatingCounts) -> str | None:
    """The reason to go back to what answered before, None to keep the version.

    `since` are replies of the version in use, `before` replies that were written before it.
    """
    if since.bad < FEWEST_BAD or log_evidence(since, before) < -log(LEVEL):
        return None
    return (
        f"rolled back by itself: {since.bad} of {since.judged} judgements of its replies were bad,"
        f" {100 * before.bad / before.judged:.0f} % of {before.judged} before"
    )


def log_evidence(since: RatingCounts, before: RatingCounts) -> float:
    """The natural logarithm of the Bayes factor; 0 where nothing was judged.

    Without history the share before may be anything, one half on average, and nothing can be found
    worse. A lower guess would roll back users who dislike most of what they judge.
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
    """P(q > p) for independent p ~ Beta(`earlier`) and q ~ Beta(`later`), parameters whole.

    Miller 2015, "Formulas for Bayesian A/B testing": a sum of positive terms, one for each unit of
    q's first parameter.
    """
    (a, b), (c, d) = earlier, later
    terms = (
        exp(_log_beta(a + i, b + d) - log(d + i) - _log_beta(1 + i, d) - _log_beta(a, b))
        for i in range(c)
    )
    return min(1.0, sum(terms))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
