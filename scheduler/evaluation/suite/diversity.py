"""Diversity: whether creative prompts get a different reply each time."""

from collections.abc import Sequence

from feedback.rules.rule import Rule
from feedback.text.tokens import words
from scheduler.evaluation.sign_test import chance_of_wins
from scheduler.evaluation.suite.comparison import MOST_EXAMPLES
from scheduler.evaluation.suite.records import Answers, SuiteConfig, SuitePrompt
from scheduler.evaluation.suite.verifiers import strip_affixes
from scheduler.measure import Measure

REPLY_TOKENS = 32
SEEDS = (1, 2, 3)
TEXTS = (
    "Invent a name for a café and say why it fits.",
    "Write one line of a poem about the sea.",
    "Make up the first sentence of a detective story.",
    "Think of an unusual hobby and describe it.",
    "Invent an animal and describe it.",
    "Write a short toast for a wedding.",
    "Make up a proverb about patience.",
    "Describe a city on another planet.",
)
PROMPTS = tuple(SuitePrompt(text, REPLY_TOKENS, seed) for text in TEXTS for seed in SEEDS)


def distinct_2(texts: Sequence[str]) -> float:
    """The share of word pairs that are distinct over all texts, 0..1 (distinct-2: Li et al. 2016,
    "A diversity-promoting objective function", section 4)."""
    pairs = [pair for own in map(words, texts) for pair in zip(own, own[1:], strict=False)]
    return len(set(pairs)) / max(len(pairs), 1)


def measure(base: Answers, adapter: Answers, rules: Sequence[Rule], config: SuiteConfig) -> Measure:
    """Compare distinct-2 of the samples by a sign test over the prompts. Openings and closings that
    the user wants do not count."""
    shares = [
        (_distinct_share(base, text, ()), _distinct_share(adapter, text, rules)) for text in TEXTS
    ]
    mean_base, mean_adapter = (sum(each[side] for each in shares) / len(TEXTS) for side in (0, 1))
    lost = [text for text, (own, others) in zip(TEXTS, shares, strict=True) if others < own]
    gains = sum(others > own for own, others in shares)
    chance = chance_of_wins(len(lost), len(lost) + gains)
    bound = config.min_diversity * mean_base
    is_met = mean_adapter >= bound or chance > config.level
    sentence = (
        f"{mean_adapter:.0%} of the word pairs in {len(SEEDS)} replies to a creative prompt are"
        f" distinct (base model: {mean_base:.0%})"
    )
    if not is_met:
        sentence += f"; fewer on {len(lost)} of {len(TEXTS)} prompts"
    return Measure(
        name="diversity",
        candidate=mean_adapter,
        base=mean_base,
        memory=None,
        n=len(TEXTS),
        bound=bound,
        is_met=is_met,
        sentence=f"{sentence}.",
        p=chance,
        examples=() if is_met else tuple(lost[:MOST_EXAMPLES]),
    )


def _distinct_share(answers: Answers, text: str, rules: Sequence[Rule]) -> float:
    replies = (answers.replies[SuitePrompt(text, REPLY_TOKENS, seed)].text for seed in SEEDS)
    return distinct_2([strip_affixes(reply, rules) for reply in replies])
