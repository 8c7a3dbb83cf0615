"""Greedy rule induction: finds the fewest rules that explain corrections. Pure.

A correction changes many attributes at once: a reply cut to one sentence also loses its commas,
headings and questions. So candidates compete. Each step takes the rule that brings the originals
closest to the corrections, until no rule is convincing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from operator import le

from feedback.rules.attributes.attribute import Change
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.rule import Rule, compatible, in_order, rewrite, stricter, visible_prose
from feedback.text.tokens import distance, tokens

MIN_SHARE = 0.2
"""A rule explains at least this share of the unexplained distance, ..."""
MIN_WEAK_SHARE = 0.5
"""... a weak rule at least this share, and only what no other rule explains, ..."""
MIN_PRECISION = 0.5
"""... and more than this share of its changes is what the user changed, ..."""
MAX_BREAKING = 0.2
"""... and at most this share of the replies that it changes then breaks an earlier rule (lists and
code can break any), ..."""
MIN_EVIDENCE = 3.0
"""... or the corrections show at least this much evidence; see `_evidence_count`."""
MIN_INAPPLICABLE = 2
"""Corrections that must show a rule that cannot be applied to them."""


@dataclass(frozen=True, slots=True)
class _Correction:
    """A change, and the rules that the corrected reply follows: only these can explain it."""

    change: Change
    followed: frozenset[Rule]


@dataclass(frozen=True, slots=True)
class _Fit:
    """The originals as the rules rewrite them, and each one's distance to its correction in tokens.

    The last rule is the one being tried.
    """

    rules: tuple[Rule, ...]
    texts: tuple[str, ...]
    distances: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.distances)


def candidates(changes: Sequence[Change]) -> tuple[Rule, ...]:
    """Every rule that some correction introduced, in order of application."""
    inside = [
        Change(visible_prose(change.original), visible_prose(change.corrected))
        for change in changes
    ]
    found: list[Rule] = []
    for attribute in ATTRIBUTES.values():
        values = attribute.values(changes if attribute.is_outer else inside)
        rules = (Rule(attribute.name, value) for value in dict.fromkeys(values))
        found.extend(r for r in rules if any(is_made(r, change) for change in changes))
    return tuple(found)


def is_made(rule: Rule, change: Change) -> bool:
    """Whether the correction introduced the rule: only the original breaks it."""
    return not rule.holds(change.original) and rule.holds(change.corrected)


def induce_rules(changes: Sequence[Change], rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that explain the changes, without redundant ones; `rules` are in order."""
    corrections = [
        _Correction(change, frozenset(r for r in rules if r.holds(change.corrected)))
        for change in changes
    ]
    fit = _unexplained(corrections)
    while fit.total and (better := _best(fit, corrections, rules)):
        fit = better
    for rule in fit.rules:
        fit = _simpler(fit, rule, corrections, rules)
    inapplicable = [
        rule for rule in compatible(fit.rules, rules) if _is_wanted_inapplicable(rule, fit, changes)
    ]
    return tuple(in_order([*fit.rules, *inapplicable]))


def _unexplained(corrections: Sequence[_Correction]) -> _Fit:
    changes = [each.change for each in corrections]
    originals = tuple(change.original for change in changes)
    return _Fit((), originals, tuple(distance(each.original, each.corrected) for each in changes))


def _with(rule: Rule, fit: _Fit, corrections: Sequence[_Correction]) -> _Fit:
    """The fit with one more rule, which rewrites only replies that break it."""
    rules = (*fit.rules, rule)
    texts, distances = list(fit.texts), list(fit.distances)
    for place, each in enumerate(corrections):
        if rule in each.followed and not rule.holds(fit.texts[place]):
            followed = [known for known in rules if known in each.followed]
            texts[place] = rewrite(followed, each.change.original)
            distances[place] = distance(texts[place], each.change.corrected)
    return _Fit(rules, tuple(texts), tuple(distances))


def _without(rule: Rule, fit: _Fit, corrections: Sequence[_Correction]) -> _Fit:
    less = _unexplained(corrections)
    for other in fit.rules:
        less = less if other == rule else _with(other, less, corrections)
    return less


def _best(fit: _Fit, corrections: Sequence[_Correction], rules: Sequence[Rule]) -> _Fit | None:
    """The fit with the one additional rule that explains most, the earliest of equals."""
    tries = [_with(rule, fit, corrections) for rule in compatible(fit.rules, rules)]
    tries.sort(key=lambda each: (ATTRIBUTES[each.rules[-1].attribute].is_weak, each.total))
    return next((each for each in tries if _is_convincing(fit, each, corrections)), None)


def _simpler(
    fit: _Fit, rule: Rule, corrections: Sequence[_Correction], rules: Sequence[Rule]
) -> _Fit:
    """The fit without the rule, or with an earlier one instead that explains no text less."""
    without = _without(rule, fit, corrections)
    if not _is_convincing(without, _with(rule, without, corrections), corrections):
        return without
    open_rules = compatible(without.rules, rules)
    for earlier in open_rules[: open_rules.index(rule)]:
        tried = _with(earlier, without, corrections)
        as_much = all(map(le, tried.distances, fit.distances))
        if as_much and _is_convincing(without, tried, corrections):
            return tried
    return fit


def _is_convincing(before: _Fit, after: _Fit, corrections: Sequence[_Correction]) -> bool:
    """Whether the last rule explains something that is unlikely to be chance."""
    gain = before.total - after.total
    rewrites = [pair for pair in zip(before.texts, after.texts, strict=True) if pair[0] != pair[1]]
    breaking = sum(any(_breaks(rule, *pair) for rule in before.rules) for pair in rewrites)
    if gain < 0 or breaking > MAX_BREAKING * len(rewrites):
        return False
    made = _made(after.rules[-1], before, [each.change for each in corrections])
    unexplained = sum(before.distances[place] for place in made)
    changed = sum(distance(old, new) for old, new in rewrites)
    is_weak = ATTRIBUTES[after.rules[-1].attribute].is_weak
    share = MIN_WEAK_SHARE if is_weak else MIN_SHARE
    # Any gain beyond its own change is due to other rules that cut more because of it.
    own = min(gain, sum(_marginal_gain(after.rules[-1], corrections[place]) for place in made))
    if own >= share * unexplained and own > MIN_PRECISION * changed:
        return True
    return not is_weak and _evidence_count(made, before, after, corrections) >= MIN_EVIDENCE


def _marginal_gain(rule: Rule, correction: _Correction) -> int:
    original = correction.change.original
    applied = (each.apply(original) or original for each in dict.fromkeys((rule, stricter(rule))))
    return max(distance(original, text) for text in applied)


def _breaks(rule: Rule, old: str, new: str) -> bool:
    return rule.holds(old) and not rule.holds(new)


def _made(rule: Rule, fit: _Fit, changes: Sequence[Change]) -> list[int]:
    """The corrections that introduced a rule and that the fit leaves breaking it."""
    pairs = enumerate(zip(fit.texts, changes, strict=True))
    return [at for at, (text, each) in pairs if is_made(rule, Change(text, each.corrected))]


def _evidence_count(
    made: Sequence[int], before: _Fit, after: _Fit, corrections: Sequence[_Correction]
) -> float:
    """How much the corrections show the last rule beyond chance.

    For each correction the greater of two numbers: the tokens that the rule adds and the correction
    has more of than before; and how often a text of the correction's length would break the rule,
    at the rate of the original.
    """
    total = 0.0
    for place in made:
        change = corrections[place].change
        was, original = tokens(before.texts[place]), tokens(change.original)
        will = tokens(after.texts[place])
        corrected = tokens(change.corrected)
        added = (Counter(will) - Counter(was)) & (Counter(corrected) - Counter(was))
        applied = tokens(after.rules[-1].apply(change.original) or change.original)
        steps = SequenceMatcher(None, original, applied, autojunk=False).get_opcodes()
        broken = sum(kind != "equal" for kind, *_ in steps)
        total += max(added.total(), broken * min(1.0, len(corrected) / len(original)))
    return total


def _is_wanted_inapplicable(rule: Rule, fit: _Fit, changes: Sequence[Change]) -> bool:
    """Whether enough corrections show a rule that only an author could apply.

    Wherever the rule can be applied, it must be strong and bring the text closer to the correction.
    """
    is_weak = ATTRIBUTES[rule.attribute].is_weak
    inapplicable = 0
    for at in _made(rule, fit, changes):
        applied = rule.apply(fit.texts[at])
        if applied is not None:
            if is_weak or distance(applied, changes[at].corrected) >= fit.distances[at]:
                return False
        # A single token can be a line break that makes a text read as code.
        elif fit.distances[at] > 1:
            inapplicable += 1
    return inapplicable >= MIN_INAPPLICABLE
