"""The measurements of a plan, and those that are still missing. Pure."""

from collections.abc import Container
from dataclasses import dataclass, replace

from tests.benchmarks.learning.personas import PERSONAS, Persona
from tests.benchmarks.learning.results import Arm, Key, Point

NOTHING = Point()
RATINGS = Point(ratings=50)
CORRECTIONS = (Point(1), Point(5), Point(20))
RATINGS_BASE = (0.1, 0.6)  # base rates at which there are ratings of both kinds to give


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of measurements. Lengths are in tokens.

    Replies that get feedback are shorter than those that are measured, so that a learned reply may
    be longer.
    """

    name: str
    personas: tuple[Persona, ...]
    seeds: int
    points: tuple[Point, ...]
    test_prompts: int
    taught_tokens: int
    test_tokens: int


QUICK = Plan(
    "quick",
    tuple(
        persona
        for persona in PERSONAS
        if persona.name in ("lower", "closing", "brief", "bullets", "no-commas", "doubting")
    ),
    seeds=1,
    points=CORRECTIONS,
    test_prompts=12,
    taught_tokens=64,
    test_tokens=128,
)
BROAD = replace(QUICK, name="broad", personas=PERSONAS, points=(*CORRECTIONS, RATINGS))
FULL = Plan(
    "full",
    PERSONAS,
    seeds=3,
    points=(*CORRECTIONS, RATINGS),
    test_prompts=30,
    taught_tokens=128,
    test_tokens=192,
)


def base_key(seed: int) -> Key:
    """The base's replies to the unseen prompts, the same for every persona."""
    return Key("", seed, NOTHING, Arm.BASE)


def keys(persona: Persona, seed: int, point: Point) -> list[Key]:
    """All measurements of a persona at a point."""
    if point == NOTHING:
        found, answering = [base_key(seed)], Arm.BASE
    else:
        arms = (Arm.MEMORY, Arm.WEIGHTS, Arm.BOTH)
        found, answering = [Key(persona.name, seed, point, arm) for arm in arms], Arm.BOTH
    if persona.exempt:
        found.append(Key(persona.name, seed, point, answering, is_exempt=True))
    return found


def missing(persona: Persona, seed: int, point: Point, done: Container[Key]) -> list[Key]:
    """The measurements that are not `done`."""
    return [key for key in keys(persona, seed, point) if key not in done]
