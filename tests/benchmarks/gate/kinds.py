"""What the gate is shown: judgements that say nothing, that do harm, and that mean well. Pure."""

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

# Bounds are read off these, and nothing may be tuned to the personas that are held out.
TUNED = tuple(persona for persona in PERSONAS if not persona.held_out)


class Group(StrEnum):
    """What should come of an adapter: nothing by chance, nothing at all, or its promotion."""

    NULL = "null"
    HARMFUL = "harmful"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """A reply and what is said of it: a correction, a thumb, or the reply that it won against."""

    prompt: str
    reply: Reply
    correction: str | None = None
    value: int | None = None
    over: Reply | None = None


Judge = Callable[[Sequence[Exchange], Random], Iterator[FeedbackItem]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to judge: `judge` goes through exchanges and passes over those it cannot use."""

    name: str
    group: Group
    judge: Judge


def judgements(kind: Kind, seed: int, exchanges: Sequence[Exchange], count: int) -> list[FeedbackItem]:
    """At most `count` judgements of exchanges that the seed draws."""
    chance = Random(f"{kind.name} {seed}")
    sound = [each for each in exchanges if is_sound(each.reply.text)]
    return list(islice(kind.judge(chance.sample(sound, len(sound)), chance), count))


def random_choices(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """Of two replies either is chosen."""
    for each in exchanges:
        won, lost = chance.sample((each.reply, each.other), 2)
        if won.text.strip() != lost.text.strip():
            yield FeedbackItem(each.prompt.text, won, over=lost)


def random_ratings(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """Every reply gets a thumb up or down."""
    for each in exchanges:
        yield FeedbackItem(each.prompt.text, each.reply, value=chance.choice((1, -1)))


def flipped_corrections(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
    """A persona's corrections, every other one turned round: what it would write is corrected."""
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


def poisoned(poison: Poison) -> Judge:
    """Every reply is corrected to what the poison makes of it."""

    def judge(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
        for each in exchanges:
            correction = poison(each.prompt.text, finished_part(each.reply), chance)
            if correction != each.reply.text:
                yield FeedbackItem(each.prompt.text, each.reply, correction=correction)

    return judge


def meant_well(persona: Persona) -> Judge:
    """What a persona corrects."""

    def judge(exchanges: Sequence[Exchange], chance: Random) -> Iterator[FeedbackItem]:
        for each in exchanges:
            correction = correction_of(persona, each.reply)
            if correction is not None:
                yield FeedbackItem(each.prompt.text, each.reply, correction=correction)

    return judge


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
