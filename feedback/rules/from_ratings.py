"""What parts the replies that a person liked from those that the person disliked. Pure.

A correction shows what was wrong, a thumb only that something was. So a rule has to part the two so
well that chance would hardly do it: Fisher's exact test, one-sided, times the number of rules that
were looked at (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import comb

from feedback.rules.attributes.attribute import Change
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.attributes.words import WORDS
from feedback.rules.from_corrections import NEWEST, LearnedRule, is_informative
from feedback.rules.induction import candidates
from feedback.rules.rule import Rule, compatible, in_order

LEVEL = 0.01
"""How often thumbs at random may show a rule."""
KEPT = 0.9
"""Of the liked replies, at least this share keep the rule, ..."""
BROKEN = 0.5
"""... and of the disliked ones that no other rule explains, this share break it."""


@dataclass(frozen=True, slots=True)
class RatedText:
    """A reply that was liked or disliked as it is. `at` is its time."""

    reply: str
    is_liked: bool
    at: float


@dataclass(frozen=True, slots=True)
class _Side:
    """The liked or the disliked replies that are looked at, with their places among all."""

    places: tuple[int, ...]
    replies: tuple[str, ...]

    def keeping(self, rule: Rule) -> frozenset[int]:
        """The places of the replies that keep a rule."""
        pairs = zip(self.places, self.replies, strict=True)
        return frozenset(place for place, reply in pairs if rule.holds(reply))


def discriminative_rules(thumbs: Sequence[RatedText]) -> tuple[LearnedRule, ...]:
    """The rules that liked replies keep and disliked ones break, in order of application.

    The one that parts them best is taken, then what parts the liked replies from the disliked ones
    that keep it, and so on. Liked replies that keep a rule show it, and disliked ones that break
    it; liked ones that break it speak against it.
    """
    liked, disliked = _newest(thumbs, is_liked=True), _newest(thumbs, is_liked=False)
    # What was replaced by what cannot be seen in texts that have nothing to do with each other.
    found_in = candidates(_changes(liked, disliked))
    tried = [rule for rule in found_in if rule.attribute != WORDS.name]
    kept = {rule: liked.keeping(rule) for rule in tried}
    open_to = {rule: disliked.keeping(rule) for rule in tried}
    unexplained = frozenset(disliked.places)
    found: list[Rule] = []

    def chance(rule: Rule) -> float:
        """Of a rule that parts them well; 1 of all others."""
        broken = unexplained - open_to[rule]
        is_clear = (
            len(kept[rule]) >= KEPT * len(liked.places)
            and len(broken) >= BROKEN * len(unexplained) > 0
        )
        left = len(unexplained) - len(broken)
        sizes = len(liked.places), len(unexplained)
        return len(tried) * fisher_exact(len(kept[rule]), left, *sizes) if is_clear else 1.0

    while best := _best({rule: chance(rule) for rule in compatible(found, tried)}):
        found.append(best)
        unexplained &= open_to[best]
    return tuple(_learned(rule, liked, disliked) for rule in in_order(found))


def ratings_evidence(rule: Rule, thumbs: Sequence[RatedText]) -> LearnedRule:
    """Which thumbs speak for a rule and how many against it, standing or not."""
    return _learned(rule, _newest(thumbs, is_liked=True), _newest(thumbs, is_liked=False))


def fisher_exact(kept: int, kept_too: int, replies: int, others: int) -> float:
    """How likely at least `kept` of `replies` keep a rule, if as many keep it in all by chance.

    `kept_too` of `others` keep it. Fisher's exact test, one-sided.
    """
    keeping, total = kept + kept_too, replies + others
    ways = sum(
        comb(keeping, each) * comb(total - keeping, replies - each)
        for each in range(kept, min(keeping, replies) + 1)
    )
    return ways / comb(total, replies)


def _newest(thumbs: Sequence[RatedText], *, is_liked: bool) -> _Side:
    usable = sorted(
        (each.at, each.reply, place)
        for place, each in enumerate(thumbs)
        if each.is_liked == is_liked and is_informative(each.reply)
    )[-NEWEST:]
    return _Side(tuple(place for *_, place in usable), tuple(reply for _, reply, _ in usable))


def _changes(liked: _Side, disliked: _Side) -> list[Change]:
    """Every reply in a pair: what could part them is what changes from one to the other."""
    if not liked.places or not disliked.places:
        return []
    count = max(len(liked.places), len(disliked.places))
    pairs = zip(cycle(disliked.replies), cycle(liked.replies), strict=False)
    return [Change(*each) for each in islice(pairs, count)]


def _best(chances: dict[Rule, float]) -> Rule | None:
    """The least likely by chance, of vague rules where no other is unlikely enough."""
    unlikely = [rule for rule, chance in chances.items() if chance <= LEVEL]
    return min(
        unlikely,
        key=lambda rule: (ATTRIBUTES[rule.attribute].is_weak, chances[rule]),
        default=None,
    )


def _learned(rule: Rule, liked: _Side, disliked: _Side) -> LearnedRule:
    kept = liked.keeping(rule)
    agreeing = sorted(kept | (frozenset(disliked.places) - disliked.keeping(rule)))
    return LearnedRule(rule, len(agreeing), len(liked.places) - len(kept), tuple(agreeing))
