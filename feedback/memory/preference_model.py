"""What a user likes, told from what they dislike by the words of the replies. Pure.

Naive Bayes with one feature for each token that a reply holds (Pang, Lee and Vaithyanathan 2002,
aclanthology.org/W02-1011), and others for how it begins and ends. Twenty thumbs are enough to rank
unseen replies of a length, a form or a tone that a user likes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import log, sqrt
from statistics import NormalDist

from feedback.records import ExampleKind, TrainingExample
from feedback.rules.from_ratings import ratings_of
from feedback.text.tokens import tokens

MIN_EACH = 3
"""Fewer likes or dislikes show nothing."""
MAX_NEWEST = 64
MIN_REPLIES = 3
"""A token that fewer replies hold is chance."""
FOLDS = 5
SIGNIFICANCE_LEVEL = 0.05
"""Of the test on left-out ratings. One set of random thumbs in twelve passes it."""


@dataclass(frozen=True, slots=True)
class PreferenceModel:
    """What `num_liked` replies have that `num_disliked` ones have not, as log-odds of features.

    `chance` is how likely left-out ratings are told apart so well by accident, 0..1.
    """

    log_odds: Mapping[str, float]
    num_liked: int
    num_disliked: int
    chance: float

    def __call__(self, reply: str) -> float:
        """The log-odds that a reply is liked: above 0 if it reads more like the liked ones."""
        return score(self.log_odds, features(reply))


def fit_preference_model(examples: Iterable[TrainingExample]) -> PreferenceModel | None:
    """A model of the ratings among a user's examples.

    None if there are too few, or if left-out ones are not told apart: then the thumbs were about
    something else than words show, such as what is true.
    """
    ratings = sorted(
        (rating for example in examples for rating in ratings_of(example)), key=lambda r: r.at
    )
    liked, disliked = (
        [features(each.reply) for each in ratings if each.is_liked is is_liked][-MAX_NEWEST:]
        for is_liked in (True, False)
    )
    if min(len(liked), len(disliked)) < MIN_EACH:
        return None
    chance = _chance(*_left_out_scores(liked, disliked))
    if chance > SIGNIFICANCE_LEVEL:
        return None
    return PreferenceModel(naive_bayes(liked, disliked), len(liked), len(disliked), chance)


def typical_ids(examples: Iterable[TrainingExample]) -> frozenset[str]:
    """The ids of the liked replies that show what the user likes whatever they ask.

    There are none if the user corrects replies: corrections show it better.
    """
    known = list(examples)
    if any(each.kind is ExampleKind.SFT for each in known):
        return frozenset()
    prefers = fit_preference_model(known)
    if prefers is None:
        return frozenset()
    return frozenset(
        each.id for each in known if each.kind is ExampleKind.DESIRABLE and prefers(each.chosen) > 0
    )


def naive_bayes(liked: Sequence[set[str]], disliked: Sequence[set[str]]) -> dict[str, float]:
    """The log-odds of the features that several replies have, with add-one smoothing."""
    in_liked, in_disliked = (Counter(chain.from_iterable(each)) for each in (liked, disliked))
    return {
        feature: log((in_liked[feature] + 1) / (len(liked) + 2))
        - log((in_disliked[feature] + 1) / (len(disliked) + 2))
        for feature in in_liked | in_disliked
        if in_liked[feature] + in_disliked[feature] >= MIN_REPLIES
    }


def score(log_odds: Mapping[str, float], found: set[str]) -> float:
    """The sum of the log-odds of a reply's features, in a fixed order: it decides the last bit."""
    return sum(log_odds.get(feature, 0.0) for feature in sorted(found))


def features(reply: str) -> set[str]:
    """The tokens of a reply in lower case, and the first three and the last two, marked."""
    found = [each.lower() for each in tokens(reply)]
    first, last = (f"^{each}" for each in found[:3]), (f"{each}$" for each in found[-2:])
    return {*found, *first, *last}


def _left_out_scores(
    liked: Sequence[set[str]], disliked: Sequence[set[str]]
) -> tuple[list[float], list[float]]:
    """The log-odds of each reply by a model that has not seen it."""
    folds = min(FOLDS, len(liked), len(disliked))
    scores: tuple[list[float], list[float]] = [], []
    for fold in range(folds):
        kept = [[r for i, r in enumerate(each) if i % folds != fold] for each in (liked, disliked)]
        log_odds = naive_bayes(*kept)
        for found, replies in zip(scores, (liked, disliked), strict=True):
            found += [score(log_odds, each) for each in replies[fold::folds]]
    return scores


def _chance(liked: Sequence[float], disliked: Sequence[float]) -> float:
    """How likely liked replies score so much higher by chance, 0..1.

    The one-sided Mann-Whitney U test, in its normal approximation.
    """
    m, n = len(liked), len(disliked)
    wins = sum((a > b) + (a == b) / 2 for a in liked for b in disliked)
    spread = sqrt(m * n * (m + n + 1) / 12)
    return 1 - NormalDist().cdf((wins - 0.5 - m * n / 2) / spread)
