"""The same prompts, answered by the base and by an adapter: is the adapter worse? Pure.

McNemar's exact test: only prompts on which exactly one of the two did well tell them apart, and
under "no difference" each of those is a fair coin toss.
"""

from collections.abc import Sequence

from scheduler.evaluation.suite.records import Measure, SuiteConfig
from scheduler.sign_test import chance_of_wins

MOST_EXAMPLES = 3


def compare(
    name: str,
    does: str,
    things: str,
    texts: Sequence[str],
    outcomes: Sequence[tuple[bool, bool]],
    config: SuiteConfig,
) -> Measure:
    """Compare how often base and adapter did well, on at least one prompt.

    `texts` are the prompts and `outcomes` how each went: for the base, then for the adapter. The
    sentence is such as "It follows 12 of 40 instructions, …" with "follows" as `does`.
    """
    count = len(outcomes)
    base, adapter = (sum(each[side] for each in outcomes) for side in (0, 1))
    lost = [texts[i] for i, each in enumerate(outcomes) if each == (True, False)]
    losses, gains = len(lost), sum(each == (False, True) for each in outcomes)
    chance = chance_of_wins(losses, losses + gains)
    drop = (base - adapter) / count
    is_refused = drop > config.max_drop and chance <= config.level
    sentence = f"It {does} {adapter} of {count} {things}, the base model {base}"
    if is_refused:
        seldom = f"{chance:.1%}" if chance >= 0.001 else "less than 0.1%"
        sentence += (
            f": {losses} lost and {gains} gained, which chance alone does {seldom} of the time."
        )
    elif adapter >= base:
        sentence += "."
    elif chance > config.level:
        sentence += f"; {losses} lost and {gains} gained may be chance."
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
