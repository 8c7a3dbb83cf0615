"""Finds the fewest rules that explain what corrections changed. Pure.

A correction changes many properties at once: who cuts a reply to one sentence also takes out its
commas, its headings and its second question. So candidates compete: the rule that brings the
originals closest to the corrections is taken, the others are measured again on what it leaves,
until nothing convincing is left.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from feedback.rules.attributes.attribute import Change
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.rule import Rule, compatible, in_order, rewrite, stricter, visible_prose
from feedback.text.tokens import distance, tokens

MIN_SHARE = 0.2
"""A rule explains at least this share of what is unexplained, ..."""
MIN_WEAK_SHARE = 0.5
"""... a vague one at least this, and only what no other does, ..."""
MIN_PRECISION = 0.5
"""... and more than this share of what it changes is what the person changed, ..."""
MAX_BREAKING = 0.2
"""... and no more than this share of the replies that it changes breaks an earlier rule then: lists
and code can do so whatever the rules, ..."""
MIN_EVIDENCE = 3.0
"""... unless the corrections show so many traces of it; see `_evidence_count`."""
MIN_INAPPLICABLE = 2
"""Corrections that a rule needs to which it cannot be applied."""


@dataclass(frozen=True, slots=True)
class _Correction:
    """A change, and the rules that the corrected reply follows: no others explain it."""

    change: Change
    followed: frozenset[Rule]


@dataclass(frozen=True, slots=True)
class _Fit:
    """What rules make of the originals, and how many tokens each then is from its correction.

    The last rule is the one that is tried.
    """

    rules: tuple[Rule, ...]
    texts: tuple[str, ...]
    distances: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.distances)


def candidates(changes: Sequence[Change]) -> tuple[Rule, ...]:
    """Every rule that some original lacked and its correction follows, in order of application."""
    inside = [
        Change(visible_prose(change.original), visible_prose(change.corrected))
        for change in changes
    ]
    found: list[Rule] = []
    for kind in ATTRIBUTES.values():
        values = kind.values(changes if kind.is_outer else inside)
        rules = (Rule(kind.name, value) for value in dict.fromkeys(values))
        found.extend(r for r in rules if any(is_made(r, change) for change in changes))
    return tuple(found)


def is_made(rule: Rule, change: Change) -> bool:
    """Whether the correction brought the rule into the reply."""
    return not rule.holds(change.original) and rule.holds(change.corrected)


def induce_rules(changes: Sequence[Change], rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those of the rules that explain the changes, without any that the others make superfluous.

    Expects the rules in order of application.
    """
    corrections = [
        _Correction(change, frozenset(r for r in rules if r.holds(change.corrected)))
        for change in changes
    ]
    fit = _unexplained(corrections)
    while fit.total and (better := _best(fit, corrections, rules)):
        fit = better
    for rule in fit.rules:
        fit = _simpler(fit, rule, corrections, rules)
    untried = [
        rule for rule in compatible(fit.rules, rules) if _is_wanted_inapplicable(rule, fit, changes)
    ]
    return tuple(in_order([*fit.rules, *untried]))


def _unexplained(corrections: Sequence[_Correction]) -> _Fit:
    changes = [each.change for each in corrections]
    originals = tuple(change.original for change in changes)
    return _Fit((), originals, tuple(distance(each.original, each.corrected) for each in changes))


def _with(rule: Rule, fit: _Fit, corrections: Sequence[_Correction]) -> _Fit:
    """The fit with one more rule, which changes only replies that do not follow it yet."""
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
    """The fit with the one more rule that explains most, the earliest of equals."""
    tries = [_with(rule, fit, corrections) for rule in compatible(fit.rules, rules)]
    tries.sort(key=lambda each: (ATTRIBUTES[each.rules[-1].attribute].is_weak, each.total))
    return next((each for each in tries if _is_convincing(fit, each, corrections)), None)


def _simpler(
    fit: _Fit, rule: Rule, corrections: Sequence[_Correction], rules: Sequence[Rule]
) -> _Fit:
    """The fit without the rule, or with an earlier one in its place, if that explains as much."""
    without = _without(rule, fit, corrections)
    if not _is_convincing(without, _with(rule, without, corrections), corrections):
        return without
    open_rules = compatible(without.rules, rules)
    for earlier in open_rules[: open_rules.index(rule)]:
        tried = _with(earlier, without, corrections)
        if tried.total <= fit.total and _is_convincing(without, tried, corrections):
            return tried
    return fit


def _is_convincing(before: _Fit, after: _Fit, corrections: Sequence[_Correction]) -> bool:
    """Whether the last rule explains something that is not likely to be chance."""
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
    # What it gains beyond its own change comes from other rules that cut more because of it.
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
    """The corrections that brought in a rule which the others leave out."""
    pairs = enumerate(zip(fit.texts, changes, strict=True))
    return [at for at, (text, each) in pairs if is_made(rule, Change(text, each.corrected))]


def _evidence_count(
    made: Sequence[int], before: _Fit, after: _Fit, corrections: Sequence[_Correction]
) -> float:
    """How many signs of the last rule the corrections show that chance would not leave.

    Either what the rule adds and the correction has more of than before, by the token; or the
    places where a text of the correction's length would have broken the rule, had it broken it as
    often as its original.
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
    """Whether corrections brought in what only an author can, and nothing speaks against it: where
    the rule can be applied, that comes nearer to the correction. A vague one never can."""
    is_weak = ATTRIBUTES[rule.attribute].is_weak
    untried = 0
    for at in _made(rule, fit, changes):
        applied = rule.apply(fit.texts[at])
        if applied is not None:
            if is_weak or distance(applied, changes[at].corrected) >= fit.distances[at]:
                return False
        # One token can be a line break, by which a text is read as code.
        elif fit.distances[at] > 1:
            untried += 1
    return untried >= MIN_INAPPLICABLE
