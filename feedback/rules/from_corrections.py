"""Learns rules from corrections. Pure; the order of the edits does not matter."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback.rules.attributes.attribute import Change
from feedback.rules.induction import candidates, induce_rules, is_made
from feedback.rules.rule import Rule, are_exclusive
from feedback.text.tokens import words

MAX_CHARACTERS = 8_000
"""Of a reply; a longer one is a document, which says little about replies."""
MIN_MAJORITY = 2
"""Edits that show a rule per edit against it; random corrections have one."""
MAX_NEWEST = 50
"""How many corrections, likes or dislikes count: older ones add nothing or no longer hold."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One correction. `at` is its time: the newest of two values of one attribute wins."""

    prompt: str
    original: str
    corrected: str
    at: float


@dataclass(frozen=True, slots=True)
class LearnedRule:
    """A rule, with how much feedback shows it and how much speaks against it.

    `places` are the indices of the feedback that shows it, in the sequence it was learned from.
    """

    rule: Rule
    support: int
    against: int
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _PlacedEdit:
    """An edit with its place, and the rules that it shows by itself."""

    place: int
    change: Change
    rules: tuple[Rule, ...]


def rules_of(edit: Edit) -> tuple[Rule, ...]:
    """The rules that explain this edit, in order of application; none if no attribute does."""
    changes = [Change(edit.original, edit.corrected)]
    return induce_rules(changes, candidates(changes)) if _is_usable(edit) else ()


def learned_rules(edits: Sequence[Edit]) -> tuple[LearnedRule, ...]:
    """The rules that the edits agree on, in order of application.

    A rule needs at least twice as many edits that introduce it as edits whose text still breaks
    it. An edit whose original already followed it says nothing. If an edit introduces an exclusive
    value, earlier edits no longer count: the user changed their mind. A user who alternates
    between the two values gets neither.
    """
    placed = [
        _PlacedEdit(place, change, rules_of(edits[place])) for place, change in _newest(edits)
    ]
    changes = [each.change for each in placed]
    votes = (_vote(rule, placed) for rule in candidates(changes))
    won = {
        vote.rule: vote
        for vote in votes
        if vote.support and vote.support >= MIN_MAJORITY * vote.against
    }
    return tuple(won[rule] for rule in induce_rules(changes, list(won)))


def evidence(rule: Rule, edits: Sequence[Edit]) -> LearnedRule:
    """How many edits introduce the rule and how many still break it, learned or not."""
    newest = _newest(edits)
    made = tuple(place for place, change in newest if is_made(rule, change))
    against = sum(not rule.holds(change.corrected) for _, change in newest)
    return LearnedRule(rule, len(made), against, made)


def _newest(edits: Sequence[Edit]) -> list[tuple[int, Change]]:
    """The edits that count, with their places, oldest first."""
    usable = [(_age(edit), place) for place, edit in enumerate(edits) if _is_usable(edit)]
    places = [place for _, place in sorted(usable)[-MAX_NEWEST:]]
    return [(place, Change(edits[place].original, edits[place].corrected)) for place in places]


def _is_usable(edit: Edit) -> bool:
    return is_informative(edit.original) and is_informative(edit.corrected)


def is_informative(text: str) -> bool:
    """Whether a reply has words and is not a document."""
    return words(text) != () and len(text) <= MAX_CHARACTERS


def _age(edit: Edit) -> tuple[float, str, str]:
    """Sorts edits of one time by content, so that the order of arrival does not matter."""
    return edit.at, edit.corrected, edit.original


def _vote(rule: Rule, placed: Sequence[_PlacedEdit]) -> LearnedRule:
    """Which edits introduce the rule and how many speak against it; `placed` is oldest first."""
    made = [index for index, each in enumerate(placed) if is_made(rule, each.change)]
    newest = placed[made[-1]].change.corrected
    against = 0
    for index, each in enumerate(placed):
        if rule.holds(each.change.corrected):
            continue
        rivals = [other for other in each.rules if are_exclusive(other, rule)]
        if index > made[-1] and rivals:
            made = []
            break
        is_outdated = bool(rivals) and index < made[0]
        against += not is_outdated or all(other.holds(newest) for other in rivals)
    return LearnedRule(rule, len(made), against, tuple(placed[index].place for index in made))
