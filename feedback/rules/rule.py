"""A rule: an attribute with a value. Checks and rewrites replies, but never the code in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from feedback.rules.attributes.registry import ATTRIBUTES, ORDER
from feedback.rules.attributes.wrapping import unwrap, wrap
from feedback.text.code_masking import mask, unmask
from feedback.text.tokens import words

_THIRD_PERSON = re.compile(r"^(Never )?(\w+?)s\b")


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute of the registry and its value. Raises `ValueError` for an unknown attribute."""

    attribute: str
    value: str

    def __post_init__(self) -> None:
        if self.attribute not in ATTRIBUTES:
            raise ValueError(f"There is no attribute {self.attribute!r}.")

    @property
    def sentence(self) -> str:
        """The rule in words, such as "Writes everything in lower case."."""
        return ATTRIBUTES[self.attribute].sentence(self.value)

    @property
    def instruction(self) -> str:
        """The rule as a request, such as "Write everything in lower case."."""
        return _THIRD_PERSON.sub(r"\1\2", self.sentence)

    def holds(self, text: str) -> bool:
        """Whether the reply follows the rule."""
        attribute = ATTRIBUTES[self.attribute]
        return attribute.holds(
            text.strip() if attribute.is_outer else visible_prose(text), self.value
        )

    def apply(self, text: str) -> str | None:
        """The reply rewritten to follow the rule, if it does not; None if only an author could."""
        if not words(text):
            return None
        if self.holds(text):
            return text
        changed = self._changed(text)
        is_done = changed is not None and words(changed) and self.holds(changed)
        return changed if is_done else None

    def _changed(self, text: str) -> str | None:
        attribute = ATTRIBUTES[self.attribute]
        if attribute.is_outer:
            return attribute.transform(text.strip(), self.value)
        wrapping, prose, masked = _layers(text)
        changed = attribute.transform(prose, self.value)
        return None if changed is None else wrap(unmask(changed, masked), wrapping)


def are_exclusive(one: Rule, other: Rule) -> bool:
    """Whether no reply can follow both: two values of an exclusive attribute."""
    return (
        one != other and one.attribute == other.attribute and ATTRIBUTES[one.attribute].is_exclusive
    )


def compatible(taken: Sequence[Rule], rules: Sequence[Rule]) -> list[Rule]:
    """The rules that can still join those taken: an exclusive attribute has at most one value."""
    used = {rule.attribute for rule in taken if ATTRIBUTES[rule.attribute].is_exclusive}
    return [rule for rule in rules if rule.attribute not in used and rule not in taken]


def visible_prose(text: str) -> str:
    """The reply as attributes see it: without its wrapping, and with masked code."""
    return _layers(text)[1]


def _layers(text: str) -> tuple[str, str, tuple[str, ...]]:
    """The wrapping, the prose inside it, and the masked pieces of the prose."""
    wrapping, inside = unwrap(text)
    if wrapping.startswith("fence:"):
        wrapping, inside = "none", text
    return wrapping, *mask(inside.strip())


def in_order(rules: Sequence[Rule]) -> list[Rule]:
    """The rules in order of application."""
    return sorted(rules, key=lambda rule: (ORDER[rule.attribute], rule.value))


def rewrite(rules: Sequence[Rule], text: str) -> str:
    """The reply rewritten by all the rules that can be applied.

    If a rule counts what a later rule adds, such as a closing sentence, it is applied more
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
    """The reply rewritten to follow every rule; None if that fails or leaves none of its words."""
    changed = rewrite(rules, text)
    has_words_left = not set(words(text)).isdisjoint(words(changed))
    return changed if has_words_left and all(rule.holds(changed) for rule in rules) else None


def stricter(rule: Rule) -> Rule:
    """The rule with its next stricter value, such as one sentence less, or unchanged."""
    value = ATTRIBUTES[rule.attribute].stricter(rule.value)
    return rule if value is None else replace(rule, value=value)
