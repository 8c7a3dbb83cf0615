"""A rule: one property with its value. Checks and rewrites replies; code in them stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from feedback.rules.attributes.registry import ATTRIBUTES, ORDER
from feedback.rules.attributes.wrapping import unwrap, wrap
from feedback.text.code_masking import mask, unmask
from feedback.text.tokens import words


@dataclass(frozen=True, slots=True)
class Rule:
    """A habit that judgements show: a property of the catalogue and its value.

    Raises `ValueError` for an unknown attribute.
    """

    attribute: str
    value: str

    def __post_init__(self) -> None:
        if self.attribute not in ATTRIBUTES:
            raise ValueError(f"There is no attribute {self.attribute!r}.")

    @property
    def sentence(self) -> str:
        """The rule for a person, such as "Writes everything in lower case."."""
        return ATTRIBUTES[self.attribute].sentence(self.value)

    def holds(self, text: str) -> bool:
        """Whether the reply follows the rule."""
        kind = ATTRIBUTES[self.attribute]
        return kind.holds(text.strip() if kind.is_outer else visible_prose(text), self.value)

    def apply(self, text: str) -> str | None:
        """The reply changed so that the rule holds, or None where that would take invention.

        A reply in which the rule holds already is returned as it is.
        """
        if not words(text):
            return None
        if self.holds(text):
            return text
        changed = self._changed(text)
        is_done = changed is not None and words(changed) and self.holds(changed)
        return changed if is_done else None

    def _changed(self, text: str) -> str | None:
        kind = ATTRIBUTES[self.attribute]
        if kind.is_outer:
            return kind.transform(text.strip(), self.value)
        wrapping, prose, hidden = _layers(text)
        changed = kind.transform(prose, self.value)
        return None if changed is None else wrap(unmask(changed, hidden), wrapping)


def are_exclusive(one: Rule, other: Rule) -> bool:
    """Whether these are two values of a property of which a text follows one."""
    return (
        one != other and one.attribute == other.attribute and ATTRIBUTES[one.attribute].is_exclusive
    )


def compatible(taken: Sequence[Rule], rules: Sequence[Rule]) -> list[Rule]:
    """The rules that may still join: of an exclusive property there is one value at most."""
    closed = {rule.attribute for rule in taken if ATTRIBUTES[rule.attribute].is_exclusive}
    return [rule for rule in rules if rule.attribute not in closed and rule not in taken]


def visible_prose(text: str) -> str:
    """The reply as properties see it: without its wrapping, code hidden."""
    return _layers(text)[1]


def _layers(text: str) -> tuple[str, str, tuple[str, ...]]:
    """The wrapping, the prose inside it, and what is hidden in the prose."""
    wrapping, inside = unwrap(text)
    if wrapping.startswith("fence:"):
        wrapping, inside = "none", text
    return wrapping, *mask(inside.strip())


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """The rules as they are applied."""
    return sorted(rules, key=lambda rule: (ORDER[rule.attribute], rule.value))


def rewrite(rules: Sequence[Rule], text: str) -> str:
    """The reply with all of the rules that can be applied.

    Where a rule counts what a later one adds (sentences and a closing), it is applied more
    strictly, so that it holds in the end.
    """
    applied = in_order(rules)
    while True:
        changed = text
        for rule in applied:
            changed = rule.apply(changed) or changed
        strict = [
            stricter(now) if not rule.holds(changed) else now
            for rule, now in zip(in_order(rules), applied, strict=True)
        ]
        if strict == applied:
            return changed
        applied = strict


def apply_all(rules: Sequence[Rule], text: str) -> str | None:
    """The reply changed so that every rule holds, or None where that would take invention.

    None too where no word of the reply would be left, only what rules add.
    """
    changed = rewrite(rules, text)
    has_words_left = not set(words(text)).isdisjoint(words(changed))
    return changed if has_words_left and all(rule.holds(changed) for rule in rules) else None


def stricter(rule: Rule) -> Rule:
    """What must hold so that the rule does once others have added theirs: one sentence less."""
    value = ATTRIBUTES[rule.attribute].stricter(rule.value)
    return rule if value is None else replace(rule, value=value)
