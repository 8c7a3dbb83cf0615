"""Feedback that the gate is tested with: meaningless, harmful and well-meant. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random

from tests.benchmarks.gate.exchanges import Exchange
from tests.benchmarks.gate.poison import POISONS, Poison
from tests.benchmarks.learning.personas import PERSONAS, Persona
from tests.benchmarks.learning.results import Reply
from tests.benchmarks.learning.simulated_user import correction_of, finished_part
from tests.benchmarks.learning.texts import is_sound

# The gate's bounds are tuned on these. Nothing may be tuned to the held-out personas.
TUNED = tuple(persona for persona in PERSONAS if not persona.held_out)


class Group(StrEnum):
    """Whether an adapter should be promoted: only by chance, never, or always."""

    NULL = "null"
    HARMFUL = "harmful"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """A reply with a correction, a rating (`value`), or the reply that it was preferred `over`."""

    prompt: str
    reply: Reply
    correction: str | None = None
    value: int | None = None
    over: Reply | None = None


FeedbackGenerator = Callable[[Sequence[Exchange], Random], Iterator[FeedbackItem]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of feedback: `generate` goes through exchanges and skips those it cannot use."""

    name: str
    group: Group
    generate: FeedbackGenerator


def draw_feedback(
    kind: Kind, seed: int, exchanges: Sequence[Exchange], count: int
) -> list[FeedbackItem]:
    """At most `count` items of feedback on exchanges that the seed draws."""
    chance = Random(f"{kind.name} {seed}")
    sound = [each for each in exchanges if is_sound(each.reply.text)]
    return list(islice(kind.generate(chance.sample(sound, len(sound)), chance), count))


def random_choices(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """One of two replies is preferred at random."""
    for each in exchanges:
        won, lost = chance.sample((each.reply, each.other), 2)
        if won.text.strip() != lost.text.strip():
            yield FeedbackItem(each.prompt.text, won, over=lost)


def random_ratings(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """Every reply is rated up or down at random."""
    for each in exchanges:
        yield FeedbackItem(each.prompt.text, each.reply, value=chance.choice((1, -1)))


def flipped_corrections(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """A persona's corrections, about half of them reversed: its own text is corrected."""
    persona = chance.choice(TUNED)
    for each in exchanges:
        correction = correction_of(persona, each.reply)
        if correction is None:
            continue
        if chance.random() < 0.5:
            yield FeedbackItem(each.prompt.text, each.reply, correction=correction)
        else:
            written = Reply(each.reply.prompt, correction, "stop")
            yield FeedbackItem(each.prompt.text, written, correction=finished_part(each.reply))


def swapped_corrections(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """Every reply is corrected to the reply to another prompt."""
    for each, other in zip(exchanges, [*exchanges[1:], *exchanges[:1]], strict=True):
        correction = finished_part(other.reply)
        yield FeedbackItem(each.prompt.text, each.reply, correction=correction)


def poisoned(poison: Poison) -> FeedbackGenerator:
    """Every reply is corrected to the poison's version of it."""

    def generate(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
        for each in exchanges:
            correction = poison(each.prompt.text, finished_part(each.reply), chance)
            if correction != each.reply.text:
                yield FeedbackItem(each.prompt.text, each.reply, correction=correction)

    return generate


def meant_well(persona: Persona) -> FeedbackGenerator:
    """A persona's corrections."""

    def generate(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
        for each in exchanges:
            correction = correction_of(persona, each.reply)
            if correction is not None:
                yield FeedbackItem(each.prompt.text, each.reply, correction=correction)

    return generate


# The names seed the draws.
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("random choices", Group.NULL, random_choices),
        Kind("random thumbs", Group.NULL, random_ratings),
        Kind("flipped corrections", Group.NULL, flipped_corrections),
        Kind("swapped corrections", Group.NULL, swapped_corrections),
        *(Kind(name, Group.HARMFUL, poisoned(poison)) for name, poison in POISONS.items()),
        *(Kind(persona.name, Group.GOOD, meant_well(persona)) for persona in TUNED),
    )
}
