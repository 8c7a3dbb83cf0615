"""Compares an adapter with the base on the same prompts. Pure."""

from collections.abc import Sequence

from scheduler.evaluation.sign_test import chance_of_wins, fewest_to_pass, p_value
from scheduler.evaluation.suite.records import SuiteConfig
from scheduler.measure import Measure

MOST_EXAMPLES = 3


def compare(
    name: str,
    does: str,
    things: str,
    texts: Sequence[str],
    outcomes: Sequence[tuple[bool, bool]],
    config: SuiteConfig,
) -> Measure:
    """Compare how often base and adapter did well; at least one prompt.

    `outcomes` has a pair for each of the prompts `texts`: did the base well, did the adapter. The
    sentence begins with "It follows 12 of 40 instructions" if `does` is "follows".
    """
    n, bound = len(outcomes), fewest_to_pass(outcomes, config.level, config.max_drop)
    base, own = (sum(pair[side] for pair in outcomes) for side in (0, 1))
    lost = [text for text, pair in zip(texts, outcomes, strict=True) if pair == (True, False)]
    gained = len(lost) + own - base
    chance = chance_of_wins(len(lost), len(lost) + gained)
    sentence = f"It {does} {own} of {n} {things} (base model: {base})"
    if own >= base:
        sentence += "."
    elif own < bound or chance > config.level:
        significance = f"{'' if own < bound else 'not '}significant ({p_value(chance)})"
        sentence += f": {len(lost)} lost, {gained} gained, {significance}."
    else:
        sentence += f"; a loss of {(base - own) / n:.0%} is allowed."
    return Measure(
        name=name,
        candidate=own / n,
        base=base / n,
        memory=None,
        n=n,
        bound=bound / n,
        is_met=own >= bound,
        sentence=sentence,
        p=chance,
        examples=tuple(lost[:MOST_EXAMPLES]),
    )
