"""Degeneration: loops, collapse, empty replies."""

from collections.abc import Callable, Sequence

from feedback.rules.rule import Rule
from feedback.text.repetition import is_repetitive
from scheduler.evaluation.degeneration import collapsed, is_empty
from scheduler.evaluation.suite import abstention, completion
from scheduler.evaluation.suite.comparison import compare
from scheduler.evaluation.suite.instruction_following import INSTRUCTIONS
from scheduler.evaluation.suite.records import Answers, SuiteConfig
from scheduler.evaluation.suite.verifiers import strip_affixes
from scheduler.measure import Measure

PROMPTS = (
    *(each.prompt for each in INSTRUCTIONS),
    *abstention.PROMPTS,
    *completion.PROMPTS,
)
"""All but the prompts that may ask for a single word or an emoji."""


def measures(
    base: Answers, adapter: Answers, rules: Sequence[Rule], config: SuiteConfig
) -> tuple[Measure, ...]:
    """Compare how many replies are free of each fault."""
    texts = [each.text for each in PROMPTS]
    own = [base.replies[each].text for each in PROMPTS]
    others = [strip_affixes(adapter.replies[each].text, rules) for each in PROMPTS]

    def free_of(name: str, does: str, faults: Callable[[Sequence[str]], Sequence[bool]]) -> Measure:
        pairs = zip(faults(own), faults(others), strict=True)
        outcomes = [(not before, not after) for before, after in pairs]
        return compare(name, does, "replies", texts, outcomes, config)

    return (
        free_of("no loops", "does not loop in", _each(is_repetitive)),
        free_of("no collapse", "gives a different answer in", collapsed),
        free_of("no empty replies", "says something in", _each(is_empty)),
    )


def _each(fault: Callable[[str], bool]) -> Callable[[Sequence[str]], list[bool]]:
    return lambda texts: [fault(text) for text in texts]
