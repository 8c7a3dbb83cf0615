"""What a reply says beside what the user wants in every reply. Pure."""

from collections.abc import Iterable

from feedback.rules.rule import Rule

_AFFIXES = ("opening", "closing")


def without_affixes(reply: str, rules: Iterable[Rule]) -> str:
    """The reply without the opening and the closing that rules put there."""
    for rule in rules:
        if rule.property in _AFFIXES:
            reply = reply.replace(rule.value.strip(), " ")
    return reply
