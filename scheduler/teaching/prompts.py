"""Which conversations the teacher replies to, and what it is shown. Pure.

The user's own prompts, invented ones of their kind and generic ones. Some stand after another
exchange or a system prompt: what is wanted holds in the third turn, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from feedback.memory.from_examples import demonstrated, few_shot_memory
from feedback.records import Memory, Message, TrainingExample
from scheduler.augmentation.prompts import PROBE_PROMPTS

NUM_INVENTED = 24
NUM_TAUGHT = 32
"""Generic prompts fill up the invented ones to so many."""

NUM_UNSEEN, MIN_UNSEEN_GENERIC = 8, 4
MAX_OWN = 16
_SYSTEM = Message("system", "You are a helpful assistant.")
_EVERY = 6


@dataclass(frozen=True, slots=True)
class TeachingPrompt:
    """A conversation as the student sees it; the teacher sees `asked`, with `memory`.

    `later` is the same after another exchange, for prompts that measure the student.
    """

    messages: tuple[Message, ...]
    asked: tuple[Message, ...]
    memory: Memory
    later: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Curriculum:
    """The prompts to learn from, and those that measure what was learned."""

    taught: tuple[TeachingPrompt, ...]
    unseen: tuple[TeachingPrompt, ...]


def curriculum(
    examples: Sequence[TrainingExample],
    invented: Sequence[str],
    exchanges: Sequence[tuple[str, str]],
) -> Curriculum:
    """The prompts for a user's `demonstrated` examples.

    `invented` are questions like the user's, `exchanges` generic ones with the base's replies. What
    the user wrote to a prompt is not shown with it: the teacher would repeat it.
    """
    memory = few_shot_memory(examples)
    unseen, questions = invented[:NUM_UNSEEN], invented[NUM_UNSEEN:][:NUM_INVENTED]
    generic = [prompt for prompt, _ in exchanges[: NUM_TAUGHT - len(questions)]]
    probes = PROBE_PROMPTS[: MIN_UNSEEN_GENERIC + NUM_UNSEEN - len(unseen)]
    newest = demonstrated(examples)[-MAX_OWN:]
    own = [TeachingPrompt(e.messages, e.messages, without_example(memory, e)) for e in newest]
    varied = [
        _varied(place, text, memory, exchanges) for place, text in enumerate((*questions, *generic))
    ]
    measured = [_plain(text, memory) for text in (*unseen, *probes)]
    return Curriculum(
        (*varied, *own),
        tuple(
            replace(each, later=after_exchange(each.asked, exchanges[place % len(exchanges)]))
            for place, each in enumerate(measured)
        ),
    )


def after_exchange(messages: Sequence[Message], exchange: tuple[str, str]) -> tuple[Message, ...]:
    """A conversation that had another exchange before, a prompt with a reply."""
    start = next(place for place, each in enumerate(messages) if each.role != "system")
    prompt, reply = exchange
    before = (Message("user", prompt), Message("assistant", reply))
    return (*messages[:start], *before, *messages[start:])


def _varied(
    place: int, text: str, memory: Memory, exchanges: Sequence[tuple[str, str]]
) -> TeachingPrompt:
    """Of so many prompts, one stands after another exchange and one after a system prompt."""
    prompt = _plain(text, memory)
    if place % _EVERY == 1:
        # The teacher is not shown the earlier exchange: after it, demonstrations count less.
        exchange = exchanges[-1 - place % len(exchanges)]
        return replace(prompt, messages=after_exchange(prompt.messages, exchange))
    if place % _EVERY == 3:
        asked = (_SYSTEM, *prompt.messages)
        return replace(prompt, messages=asked, asked=asked)
    return prompt


def _plain(text: str, memory: Memory) -> TeachingPrompt:
    asked = (Message("user", text),)
    return TeachingPrompt(asked, asked, memory)


def without_example(memory: Memory, example: TrainingExample) -> Memory:
    """The memory without one example."""
    left = tuple(each for each in memory.demonstrations if each.example_id != example.id)
    return replace(memory, demonstrations=left)
