"""Completeness: whether replies end, and not in the middle of a sentence."""

from collections.abc import Sequence

from feedback.rules.attributes.emoji import EMOJI
from feedback.rules.rule import Rule
from feedback.text.marks import CLOSERS
from feedback.text.scripts import compiled
from feedback.text.structure import ends_sentence, lines_of
from scheduler.evaluation.suite.comparison import compare
from scheduler.evaluation.suite.records import Answers, SuiteConfig, SuitePrompt
from scheduler.measure import Measure

REPLY_TOKENS = 128
"""Several times what one sentence takes: a reply without an end by then has none."""

_TEXTS = (
    "In one sentence, what is a volcano?",
    "In one sentence, why do leaves fall in autumn?",
    "In one sentence, what does a lawyer do?",
    "In one sentence, how is cheese made?",
    "In one sentence, what is a mortgage?",
    "In one sentence, why do cats purr?",
    "In one sentence, what is the difference between a lake and a pond?",
    "In one sentence, what was the Silk Road?",
    "In one sentence, how does a kite fly?",
    "In one sentence, what is democracy?",
    "In one sentence, why is salt put on icy roads?",
    "In one sentence, what makes a good friend?",
    "In one sentence, what is an algorithm?",
    "In one sentence, why do people travel?",
    "In one sentence, what is a proverb?",
    "In one sentence, how do bees make honey?",
)
PROMPTS = tuple(SuitePrompt(text, REPLY_TOKENS) for text in _TEXTS)

_CLOSED = compiled(rf"(?:[{CLOSERS}>`]|{EMOJI})\Z")
_ENDING_RULES = ("closing", "final full stop", "wrapping")
_LENGTH_RULES = ("least words",)


def is_finished(reply: str, rules: Sequence[Rule]) -> bool:
    """Whether the last sentence is finished, or ends as the user's rules want."""
    text = reply.rstrip()
    if ends_sentence(text) or _CLOSED.search(text) or lines_of(text)[-1].kind in ("item", "block"):
        return True
    return any(rule.attribute in _ENDING_RULES and rule.holds(text) for rule in rules)


def measure_finish(
    base: Answers, adapter: Answers, rules: Sequence[Rule], config: SuiteConfig
) -> Measure:
    """Compare how often a reply is finished; truncated ones count as finished."""
    outcomes = [(_finishes(base, each, ()), _finishes(adapter, each, rules)) for each in PROMPTS]
    return compare(
        "finished sentences", "finishes the last sentence of", "replies", _TEXTS, outcomes, config
    )


def measure_length(
    base: Answers, adapter: Answers, rules: Sequence[Rule], config: SuiteConfig
) -> Measure | None:
    """Compare how often a reply ends before the limit; None if the user wants long replies."""
    if any(rule.attribute in _LENGTH_RULES for rule in rules):
        return None
    outcomes = [
        (not base.replies[each].is_truncated, not adapter.replies[each].is_truncated)
        for each in PROMPTS
    ]
    return compare(
        "completeness", "comes to an end in", "one-sentence replies", _TEXTS, outcomes, config
    )


def _finishes(answers: Answers, prompt: SuitePrompt, rules: Sequence[Rule]) -> bool:
    reply = answers.replies[prompt]
    return reply.is_truncated or is_finished(reply.text, rules)
