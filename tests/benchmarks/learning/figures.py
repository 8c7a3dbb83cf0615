"""The figures of measurements: compliance, leaks, broken replies, trainings. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from scheduler.evaluation.degeneration import collapsed
from tests.benchmarks.learning.personas import Persona
from tests.benchmarks.learning.plan import NOTHING, base_key
from tests.benchmarks.learning.results import Arm, Key, Point, Reply, Results, Run
from tests.benchmarks.learning.tally import Tally
from tests.benchmarks.learning.texts import is_sound


def compliance(
    results: Results, persona: Persona, seeds: Iterable[int], point: Point, arm: Arm
) -> Tally:
    """How many replies to unseen prompts comply with the persona's wish."""
    replies = [
        reply for seed in seeds for reply in _replies(results, _unseen(persona, seed, point, arm))
    ]
    return Tally.of(persona.complies(reply.text) for reply in replies)


def leaks(results: Results, persona: Persona, seeds: Iterable[int], point: Point) -> Tally:
    """How many replies show the wish although the prompt overrides it.

    Only prompts that the base obeys count."""
    pairs = [
        pair
        for seed in seeds
        for pair in _pairs(
            results,
            Key(persona.name, seed, NOTHING, Arm.BASE, is_exempt=True),
            Key(persona.name, seed, point, Arm.BOTH, is_exempt=True),
        )
    ]
    return Tally.of(
        persona.leaked(reply.text)
        for base, reply in pairs
        if is_sound(base.text) and not persona.leaked(base.text)
    )


def broken(
    results: Results, persona: Persona, seeds: Iterable[int], point: Point
) -> tuple[Tally, Tally]:
    """How many replies to unseen prompts are empty, repetitive or unfinished: base, then both arms.

    A reply is unfinished if the length limit ended it and did not end the base's.
    """
    pairs = [
        pair
        for seed in seeds
        for pair in _pairs(results, base_key(seed), _unseen(persona, seed, point, Arm.BOTH))
    ]
    return (
        Tally.of(not is_sound(base.text) for base, _ in pairs),
        Tally.of(
            not is_sound(reply.text)
            or (reply.finish_reason == "length" and base.finish_reason != "length")
            for base, reply in pairs
        ),
    )


def alike(
    results: Results, persona: Persona, seeds: Iterable[int], point: Point
) -> tuple[Tally, Tally]:
    """How many replies to unseen prompts mostly repeat other replies: base, then both arms.

    One evasion, said to everything, could comply with a wish.
    """
    pairs = [
        list(_pairs(results, base_key(seed), _unseen(persona, seed, point, Arm.BOTH)))
        for seed in seeds
    ]
    return (
        Tally.of(each for seed in pairs for each in collapsed([base.text for base, _ in seed])),
        Tally.of(each for seed in pairs for each in collapsed([reply.text for _, reply in seed])),
    )


def runs(
    results: Results, persona: Persona, seeds: Iterable[int], point: Point
) -> list[tuple[int, Run]]:
    """The trainings before a point, each with its seed."""
    found = [(seed, results.get(_unseen(persona, seed, point, Arm.BOTH))) for seed in seeds]
    return [(seed, each.run) for seed, each in found if each is not None and each.run is not None]


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    return sum(tallies, Tally())


def _unseen(persona: Persona, seed: int, point: Point, arm: Arm) -> Key:
    return base_key(seed) if arm is Arm.BASE else Key(persona.name, seed, point, arm)


def _replies(results: Results, key: Key) -> Sequence[Reply]:
    found = results.get(key)
    return found.replies if found is not None else ()


def _pairs(results: Results, one: Key, other: Key) -> Iterator[tuple[Reply, Reply]]:
    """The replies to the same prompts, if both are finished."""
    first, second = _replies(results, one), _replies(results, other)
    return zip(first, second, strict=True) if first and second else iter(())
