"""Whether an adapter is worse than the base on the same prompts. Pure.

McNemar's exact test: only prompts on which exactly one of the two did well count, and without a
difference each of these is a fair coin toss.
"""

from collections.abc import Sequence

from scheduler.evaluation.suite.records import Measure, SuiteConfig
from scheduler.sign_test import chance_of_wins, p_value

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
    count = len(outcomes)
    base, adapter = (sum(each[side] for each in outcomes) for side in (0, 1))
    lost = [texts[i] for i, each in enumerate(outcomes) if each == (True, False)]
    losses, gains = len(lost), sum(each == (False, True) for each in outcomes)
    chance = chance_of_wins(losses, losses + gains)
    drop = (base - adapter) / count
    is_refused = drop > config.max_drop and chance <= config.level
    sentence = f"It {does} {adapter} of {count} {things} (base model: {base})"
    if is_refused:
        sentence += f": {losses} lost, {gains} gained, significant ({p_value(chance)})."
    elif adapter >= base:
        sentence += "."
    elif chance > config.level:
        sentence += f": {losses} lost, {gains} gained, not significant ({p_value(chance)})."
    else:
        sentence += f"; a loss of {drop:.0%} is allowed."
    return Measure(
        name=name,
        base=base / count,
        adapter=adapter / count,
        count=count,
        is_refused=is_refused,
        sentence=sentence,
        lost=tuple(lost[:MOST_EXAMPLES]),
    )
