"""Exemptions: prompts that rule a habit out, answered as they ask.

Who is fitted on replies that all keep a rule keeps it everywhere. What a prompt asks for outranks
a habit, and a few rows that show it draw the line. Pure.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from feedback.edits.rule import Rule
from feedback.practice import practised
from feedback.records import TrainingExample


@dataclass(frozen=True, slots=True)
class Exemption:
    """A prompt, a reply that does what it says, and whether a reply does."""

    prompt: str
    reply: str
    is_heeded: Callable[[str], bool]


def exempt_examples(
    user_id: str, rules: Sequence[Rule], exemptions: Sequence[Exemption], count: int
) -> tuple[TrainingExample, ...]:
    """At most `count` examples: prompts that rule out one of the rules at least.

    Their replies keep all the other rules. Every rule is ruled out about as often, where there are
    prompts for it.
    """
    left: list[tuple[TrainingExample, tuple[Rule, ...]]] = []
    for each in exemptions:
        reply, ruled_out = _answered(each, rules)
        if ruled_out:
            left.append((practised(user_id, each.prompt, reply, reply, is_cut=False), ruled_out))
    chosen: list[TrainingExample] = []
    seen: Counter[Rule] = Counter()
    while left and len(chosen) < count:
        rarest = min(left, key=lambda each: min(seen[rule] for rule in each[1]))
        left.remove(rarest)
        row, ruled_out = rarest
        seen.update(ruled_out)
        chosen.append(row)
    return tuple(chosen)


def _answered(exemption: Exemption, rules: Sequence[Rule]) -> tuple[str, tuple[Rule, ...]]:
    """The reply with every rule that the prompt allows, and the rules that it rules out."""
    reply = exemption.reply
    for rule in rules:
        changed = rule.apply(reply)
        if changed is not None and exemption.is_heeded(changed):
            reply = changed
    return reply, tuple(rule for rule in rules if not rule.holds(reply))
