"""Learns the rules that discriminate liked from disliked replies. Pure.

A rating shows only that something was wrong, not what. So a rule must discriminate significantly:
Fisher's exact test, one-sided, with Bonferroni's correction for the number of rules tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import comb

from feedback.records import ExampleKind, ExampleSource, TrainingExample
from feedback.rules.attributes.attribute import Change
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.attributes.words import WORDS
from feedback.rules.from_corrections import MAX_NEWEST, LearnedRule, is_informative
from feedback.rules.induction import candidates
from feedback.rules.rule import Rule, compatible, in_order

SIGNIFICANCE_LEVEL = 0.01
"""How often random ratings may show a rule."""
MIN_LIKED_FOLLOWING = 0.9
"""At least this share of the liked replies follows the rule, ..."""
MIN_DISLIKED_BREAKING = 0.5
"""... and at least this share of the disliked ones that no other rule explains breaks it."""


@dataclass(frozen=True, slots=True)
class RatedText:
    """A reply that was liked or disliked. `at` is its time."""

    reply: str
    is_liked: bool
    at: float


@dataclass(frozen=True, slots=True)
class _Side:
    """The liked or the disliked replies that count, with their places among all."""

    places: tuple[int, ...]
    replies: tuple[str, ...]

    def following(self, rule: Rule) -> frozenset[int]:
        """The places of the replies that follow a rule."""
        pairs = zip(self.places, self.replies, strict=True)
        return frozenset(place for place, reply in pairs if rule.holds(reply))


def ratings_of(example: TrainingExample) -> tuple[RatedText, ...]:
    """The liked or disliked reply, or both replies of a preference; none for a correction.

    A regenerated pair has only its disliked reply: a like of the other has an example of its own.
    """
    liked = RatedText(example.chosen, True, example.created_at)
    disliked = RatedText(example.rejected or "", False, example.created_at)
    match example.kind, example.source:
        case ExampleKind.DESIRABLE, _:
            return (liked,)
        case (ExampleKind.UNDESIRABLE, _) | (ExampleKind.DPO, ExampleSource.REGENERATED):
            return (disliked,)
        case ExampleKind.DPO, ExampleSource.PREFERENCE:
            return liked, disliked
    return ()


def discriminative_rules(ratings: Sequence[RatedText]) -> tuple[LearnedRule, ...]:
    """The rules that liked replies follow and disliked ones break, in order of application.

    Greedy: takes the best rule, then the best for the disliked replies that follow it, and so on.
    A rule is shown by liked replies that follow it and by disliked ones that break it; liked ones
    that break it speak against it.
    """
    liked, disliked = _newest(ratings, is_liked=True), _newest(ratings, is_liked=False)
    # No replacements of words: they cannot be seen in unrelated texts.
    all_rules = candidates(_changes(liked, disliked))
    tried = [rule for rule in all_rules if rule.attribute != WORDS.name]
    liked_following = {rule: liked.following(rule) for rule in tried}
    disliked_following = {rule: disliked.following(rule) for rule in tried}
    unexplained = frozenset(disliked.places)
    found: list[Rule] = []

    def p_value(rule: Rule) -> float:
        """The corrected p-value; 1 for a rule that does not discriminate well."""
        following, breaking = liked_following[rule], unexplained - disliked_following[rule]
        is_clear = (
            len(following) >= MIN_LIKED_FOLLOWING * len(liked.places)
            and len(breaking) >= MIN_DISLIKED_BREAKING * len(unexplained) > 0
        )
        rest = len(unexplained) - len(breaking)
        sizes = len(liked.places), len(unexplained)
        return len(tried) * fisher_exact(len(following), rest, *sizes) if is_clear else 1.0

    while best := _best({rule: p_value(rule) for rule in compatible(found, tried)}):
        found.append(best)
        unexplained &= disliked_following[best]
    return tuple(_learned(rule, liked, disliked) for rule in in_order(found))


def ratings_evidence(rule: Rule, ratings: Sequence[RatedText]) -> LearnedRule:
    """Which ratings show a rule and how many speak against it, learned or not."""
    return _learned(rule, _newest(ratings, is_liked=True), _newest(ratings, is_liked=False))


def fisher_exact(liked_hits: int, disliked_hits: int, liked: int, disliked: int) -> float:
    """The one-sided p-value of Fisher's exact test.

    `liked_hits` of `liked` and `disliked_hits` of `disliked` replies follow a rule. Returns the
    probability of at least `liked_hits` if all hits are spread at random.
    """
    hits, total = liked_hits + disliked_hits, liked + disliked
    ways = sum(
        comb(hits, each) * comb(total - hits, liked - each)
        for each in range(liked_hits, min(hits, liked) + 1)
    )
    return ways / comb(total, liked)


def _newest(ratings: Sequence[RatedText], *, is_liked: bool) -> _Side:
    usable = sorted(
        (each.at, each.reply, place)
        for place, each in enumerate(ratings)
        if each.is_liked == is_liked and is_informative(each.reply)
    )[-MAX_NEWEST:]
    return _Side(tuple(place for *_, place in usable), tuple(reply for _, reply, _ in usable))


def _changes(liked: _Side, disliked: _Side) -> list[Change]:
    """Pairs of a disliked and a liked reply that use every reply: candidates are what changes."""
    if not liked.places or not disliked.places:
        return []
    count = max(len(liked.places), len(disliked.places))
    pairs = zip(cycle(disliked.replies), cycle(liked.replies), strict=False)
    return [Change(*each) for each in islice(pairs, count)]


def _best(p_values: dict[Rule, float]) -> Rule | None:
    """The significant rule with the lowest p-value; a weak rule only if no other is significant."""
    significant = [rule for rule, p_value in p_values.items() if p_value <= SIGNIFICANCE_LEVEL]
    return min(
        significant,
        key=lambda rule: (ATTRIBUTES[rule.attribute].is_weak, p_values[rule]),
        default=None,
    )


def _learned(rule: Rule, liked: _Side, disliked: _Side) -> LearnedRule:
    following = liked.following(rule)
    agreeing = sorted(following | (frozenset(disliked.places) - disliked.following(rule)))
    return LearnedRule(rule, len(agreeing), len(liked.places) - len(following), tuple(agreeing))
