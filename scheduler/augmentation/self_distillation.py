"""Lets the base reword a user's corrections, as long as they still say the same (SDFT)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from feedback.examples.dataset import with_splits
from feedback.records import Dataset, ExampleKind, Message, TrainingExample
from feedback.rules.rule import Rule
from feedback.text.counts import count
from feedback.text.repetition import is_repetitive
from feedback.text.tokens import distance, tokens
from scheduler.evaluation.degeneration import is_empty

REPLY_TOKENS = 256
MAX_REQUEST_BYTES = 3000

# The paper's template for general tasks ("using"), in one user turn.
_TEMPLATE = (
    "Below are an instruction that describes a task along with a reference answer. Using the"
    " reference answer as a guide, write your own response.\n\n"
    "### Instruction:\n{instruction}\n\n"
    "### Reference Answer:\n{reference}\n\n"
    "### Response:\n"
)
# The authors, too, drop replies that talk about the task instead of doing it.
_TASK_WORDS = ("reference answer", "your response", "my response", "your own response", "your turn")


def self_distil(
    dataset: Dataset, rules: Sequence[Rule], ask: Callable[[Sequence[str]], list[str]]
) -> tuple[Dataset, str]:
    """The dataset with the base's wordings of corrections, and a sentence that counts them.

    `ask` gives the base's reply to each prompt. Held-out examples stay as a person wrote them,
    because they measure. Preference pairs stay, because they say which of two texts is better.
    """
    requests = {each.id: text for each in dataset.train if (text := _request(each)) is not None}
    wordings = dict(zip(requests, ask(list(requests.values())) if requests else (), strict=True))
    known = {each.id for each in dataset.examples}
    train = tuple(_reworded(dataset.train, wordings, rules, known))
    num_reworded = len({each.id for each in dataset.train} - {each.id for each in train})
    sentence = f"The base reworded {num_reworded} of {count(len(requests), 'correction')}."
    return with_splits(dataset, train, dataset.held_out), sentence


def rewording_prompt(messages: Sequence[Message], correction: str) -> str:
    """The text that asks the base to reword a correction."""
    return _TEMPLATE.format(instruction=as_text(messages), reference=correction.strip())


def is_valid_rewording(wording: str, correction: str, original: str, rules: Sequence[Rule]) -> bool:
    """Whether `wording` may be trained on in place of the correction of `original`.

    It must be learnable, have every token that the correction added and none that it removed, and
    be no closer to the original than to the correction, in tokens.
    """
    return (
        is_learnable(wording, correction, rules, _TASK_WORDS, correction)
        and _has_the_edit(wording, correction, original)
        and distance(wording, correction) <= distance(wording, original)
    )


def is_learnable(
    text: str, reference: str, rules: Sequence[Rule], task_words: Sequence[str], may_mention: str
) -> bool:
    """Whether `text`, which the base wrote after `reference`, may be trained on.

    It must not be empty or repetitive, end with a punctuation mark if `reference` does, follow
    every rule that `reference` follows, and have no `task_words` except those in `may_mention`.
    """
    folded, allowed = text.casefold(), may_mention.casefold()
    return (
        not is_empty(text)
        and not is_repetitive(text)
        and not any(each in folded and each not in allowed for each in task_words)
        and text.rstrip()[-1:].isalnum() <= reference.rstrip()[-1:].isalnum()
        and all(rule.holds(text) for rule in rules if rule.holds(reference))
    )


def as_text(messages: Sequence[Message]) -> str:
    """The user message verbatim, or the whole conversation if it has several turns."""
    turns = [f"{each.role}: {each.content}" for each in messages]
    return (messages[0].content if len(messages) == 1 else "\n\n".join(turns)).strip()


def within_limit(text: str) -> str | None:
    """The request, or None above `MAX_REQUEST_BYTES`: a small base has 4,096 tokens of context."""
    return text if len(text.encode()) <= MAX_REQUEST_BYTES else None


def _request(example: TrainingExample) -> str | None:
    is_correction = example.kind is ExampleKind.SFT and example.source.is_hand_written
    if not is_correction or example.revised_from is None or example.is_truncated:
        return None
    return within_limit(rewording_prompt(example.messages, example.chosen))


def _reworded(
    examples: Sequence[TrainingExample],
    wordings: dict[str, str],
    rules: Sequence[Rule],
    known: set[str],
) -> Iterator[TrainingExample]:
    """Replace examples by their valid rewordings, unless those are `known` examples."""
    for example in examples:
        wording = wordings.get(example.id, "").strip()
        reworded = replace(example, chosen=wording)
        is_new = reworded.id not in known
        original = example.revised_from or ""
        if is_new and is_valid_rewording(wording, example.chosen, original, rules):
            known.add(reworded.id)
            yield reworded
        else:
            yield example


def _has_the_edit(wording: str, correction: str, original: str) -> bool:
    """Whether every added token is there, in any case, and no removed one, in its own case."""
    new, corrected, old = ({*tokens(text)} for text in (wording, correction, original))
    folded, wanted, known = ({token.casefold() for token in each} for each in (new, corrected, old))
    return wanted - known <= folded and not (old - corrected) & new
