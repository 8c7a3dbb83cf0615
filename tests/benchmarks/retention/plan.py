"""People whose wishes grow: first one, then two, then three. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from tests.benchmarks.learning.personas import BY_NAME, Persona
from tests.benchmarks.learning.results import Arm, Key, Point

CORRECTIONS = 5


@dataclass(frozen=True, slots=True)
class Chain:
    """Wishes that can all be met at once, in the order in which they come up."""

    wishes: tuple[Persona, ...]

    @property
    def name(self) -> str:
        """Its name in the results."""
        return "-then-".join(wish.name for wish in self.wishes)

    @property
    def first(self) -> Persona:
        """The wish whose retention is measured."""
        return self.wishes[0]

    def stage(self, wishes: int) -> Persona:
        """The person with the first so many wishes, who corrects towards all of them."""
        return _all_of(self.wishes[:wishes])


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """Chains with `corrections` for each wish, in as many orders of the prompts as seeds."""

    chains: tuple[Chain, ...]
    corrections: int = CORRECTIONS
    seeds: int = 1

    def key(self, chain: Chain, seed: int, wishes: int) -> Key:
        """The replies of the adapter with memory, after so many wishes."""
        return Key(chain.name, seed, Point(wishes * self.corrections), Arm.BOTH)


def chain(*names: str) -> Chain:
    """The personas with these names. Raises `KeyError` for an unknown name."""
    return Chain(tuple(BY_NAME[name] for name in names))


CHAINS = (
    chain("lower", "no-commas", "one-paragraph"),
    chain("opening", "no-commas", "formal"),
    chain("brief", "exclaiming", "ampersands"),
)


def _all_of(wishes: Sequence[Persona]) -> Persona:
    return Persona(
        name="+".join(wish.name for wish in wishes),
        wish=" ".join(wish.wish for wish in wishes),
        edit=lambda reply: reduce(lambda text, wish: wish.edit(text), wishes, reply),
        check=lambda reply: all(wish.check(reply) for wish in wishes),
    )
