"""What a person's corrections agree on. Pure: the same edits give the same rules in any order."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.rules.attributes.attribute import Change
from feedback.rules.induction import candidates, induce_rules, is_made
from feedback.rules.rule import Rule, are_exclusive
from feedback.text.tokens import words

LONGEST = 8_000
"""Characters of a reply; a longer one is a document, and says little about replies."""
MIN_MAJORITY = 2
"""Edits that made a rule for each that speaks against it: corrections at random come to one."""
NEWEST = 50
"""Judgements of a kind that are looked at; older ones say the same, or no longer count."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One correction. `at` is its time: of two values of one property the newest wins."""

    prompt: str
    original: str
    corrected: str
    at: float


@dataclass(frozen=True, slots=True)
class LearnedRule:
    """A rule: how many judgements show it, how many speak against it.

    `places` are those that show it, in the sequence that was learned from.
    """

    rule: Rule
    support: int
    against: int
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """An edit with its place, and the rules that it shows by itself."""

    place: int
    change: Change
    rules: tuple[Rule, ...]


def rules_of(edit: Edit) -> tuple[Rule, ...]:
    """What this edit changed, in order of application; nothing where no property explains it."""
    changes = [Change(edit.original, edit.corrected)]
    return induce_rules(changes, candidates(changes)) if _is_usable(edit) else ()


def learned_rules(edits: Sequence[Edit]) -> tuple[LearnedRule, ...]:
    """What the edits agree on, in order of application.

    A rule stands when at least twice as many edits made it as left their text without it; an edit
    whose original followed it already says nothing. When an edit shows another value that its text
    and the rule cannot both have, what was shown before it no longer counts: the person changed
    their mind. Who goes to and fro between the two wants neither.
    """
    seen = [_Seen(place, change, rules_of(edits[place])) for place, change in _newest(edits)]
    changes = [each.change for each in seen]
    votes = (_vote(rule, seen) for rule in candidates(changes))
    standing = {
        vote.rule: vote
        for vote in votes
        if vote.support and vote.support >= MIN_MAJORITY * vote.against
    }
    return tuple(standing[rule] for rule in induce_rules(changes, list(standing)))


def evidence(rule: Rule, edits: Sequence[Edit]) -> LearnedRule:
    """How many edits made the rule and how many left their text without it, standing or not."""
    newest = _newest(edits)
    made = tuple(place for place, change in newest if is_made(rule, change))
    against = sum(not rule.holds(change.corrected) for _, change in newest)
    return LearnedRule(rule, len(made), against, made)


def _newest(edits: Sequence[Edit]) -> list[tuple[int, Change]]:
    """The edits that are looked at, with their places, from the oldest to the newest."""
    usable = [(_age(edit), place) for place, edit in enumerate(edits) if _is_usable(edit)]
    places = [place for _, place in sorted(usable)[-NEWEST:]]
    return [(place, Change(edits[place].original, edits[place].corrected)) for place in places]


def _is_usable(edit: Edit) -> bool:
    return is_informative(edit.original) and is_informative(edit.corrected)


def is_informative(text: str) -> bool:
    """Whether a reply has words, and is no document."""
    return words(text) != () and len(text) <= LONGEST


def _age(edit: Edit) -> tuple[float, str, str]:
    """Edits of one time are sorted by content, so that the order of arrival never matters."""
    return edit.at, edit.corrected, edit.original


def _vote(rule: Rule, seen: Sequence[_Seen]) -> LearnedRule:
    """Who made the rule and who speaks against it, among edits from the oldest to the newest."""
    made = [index for index, each in enumerate(seen) if is_made(rule, each.change)]
    newest = seen[made[-1]].change.corrected
    against = 0
    for index, each in enumerate(seen):
        if rule.holds(each.change.corrected):
            continue
        rivals = [other for other in each.rules if are_exclusive(other, rule)]
        if index > made[-1] and rivals:
            made = []
            break
        is_outdated = bool(rivals) and index < made[0]
        against += not is_outdated or all(other.holds(newest) for other in rivals)
    return LearnedRule(rule, len(made), against, tuple(seen[index].place for index in made))
