"""The accounts that learn: one for each persona, and one for all of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import QUICK
from tests.benchmarks.learning.results import Arm, Key, Point

T = TypeVar("T")

EVERYBODY = "everybody"
CORRECTIONS = 10


@dataclass(frozen=True, slots=True)
class PooledPlan:
    """Some personas with as many corrections each, in as many orders of the prompts as seeds."""

    personas: tuple[Persona, ...] = QUICK.personas
    corrections: int = CORRECTIONS
    seeds: int = 1

    @property
    def name(self) -> str:
        """Each choice of personas has its own results: it decides which prompts a persona gets."""
        return "-".join(("pooled", *(persona.name for persona in self.personas)))

    @property
    def learners(self) -> Mapping[str, tuple[Persona, ...]]:
        """The personas whose corrections an account gives. The pooled account is first."""
        own = {persona.name: (persona,) for persona in self.personas}
        return {EVERYBODY: self.personas, **own}

    def key(self, learner: str, seed: int) -> Key:
        """The replies of an account's adapter, without memory."""
        return Key(learner, seed, Point(self.corrections), Arm.WEIGHTS)

    def share(self, persona: Persona, prompts: Sequence[T]) -> Sequence[T]:
        """The prompts that a persona corrects. No two share one: the newer correction would win."""
        return prompts[self.personas.index(persona) :: len(self.personas)]
