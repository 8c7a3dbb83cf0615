"""Lets the base put a user's corrections into its own words, where they still say the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from feedback.examples.dataset import with_splits
from feedback.records import Dataset, ExampleKind, Message, TrainingExample
from feedback.rules.rule import Rule
from feedback.text.counts import count
from feedback.text.repetition import is_repetitive
from feedback.text.tokens import distance, tokens
from scheduler.evaluation.degeneration import is_empty


def self_distil(
    dataset: Dataset, rules: Sequence[Rule], ask: Callable[[Sequence[str]], list[str]]
) -> tuple[Dataset, str]:
    """The dataset with the base's wordings in place of corrections, and how many in a sentence.

    `ask` gives the base's reply to each prompt. Held-out rows stay as a person wrote them, because
    they measure, and pairs, because they say which of two texts that person preferred.
    """
    asked = {row.id: text for row in dataset.train if (text := _request(row)) is not None}
    wordings = dict(zip(asked, ask(list(asked.values())) if asked else (), strict=True))
    known = {row.id for row in dataset.examples}
    train = tuple(_reworded(dataset.train, wordings, rules, known))
    num_reworded = len({row.id for row in dataset.train} - {row.id for row in train})
    sentence = f"Of {count(len(asked), 'correction')} the base put {num_reworded} into its own words; the rest stay as written."
    return with_splits(dataset, train, dataset.held_out), sentence


def _request(row: TrainingExample) -> str | None:
    is_correction = row.kind is ExampleKind.SFT and row.source.is_hand_written
    if not is_correction or row.revised_from is None or row.is_truncated:
        return None
    return within_limit(rewording_prompt(row.prompt, row.chosen))


def _reworded(
    rows: Sequence[TrainingExample],
    wordings: dict[str, str],
    rules: Sequence[Rule],
    known: set[str],
) -> Iterator[TrainingExample]:
    """No wording may make a row that is there already."""
    for row in rows:
        wording = wordings.get(row.id, "").strip()
        reworded = replace(row, chosen=wording)
        is_new = reworded.id not in known
        if is_new and is_valid_rewording(wording, row.chosen, row.revised_from or "", rules):
            known.add(reworded.id)
            yield reworded
        else:
            yield row


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
# Replies that talk about the task instead of doing it; the authors leave out the same.
_TALK = ("reference answer", "your response", "my response", "your own response", "your turn")


def rewording_prompt(prompt: Sequence[Message], correction: str) -> str:
    """What the base is asked: the instruction, of more turns than one the conversation, and the
    correction as the answer to be guided by."""
    return _TEMPLATE.format(instruction=as_text(prompt), reference=correction.strip())


def as_text(prompt: Sequence[Message]) -> str:
    """The instruction as it is; of more turns than one the conversation."""
    turns = [f"{each.role}: {each.content}" for each in prompt]
    return (prompt[0].content if len(prompt) == 1 else "\n\n".join(turns)).strip()


def is_valid_rewording(wording: str, correction: str, original: str, rules: Sequence[Rule]) -> bool:
    """Whether the wording still is what the correction made of the original.

    It says something, once, and ends as the correction does; every rule that holds on the
    correction holds on it; it has the words and marks that the correction added and none that it
    removed; and it is no closer to the original than to the correction, in words and marks.
    """
    return (
        is_learnable(wording, correction, rules, _TALK, correction)
        and _keeps_the_edit(wording, correction, original)
        and distance(wording, correction) <= distance(wording, original)
    )


def is_learnable(
    text: str, model: str, rules: Sequence[Rule], talk: Sequence[str], meant: str
) -> bool:
    """Whether what the base wrote after a `model` says something, once, and to the end, keeps the
    rules that the model keeps, and does not `talk` of the task in other words than were `meant`.

    It ends where the model has a mark at its end, and it has one, too.
    """
    said, wanted = text.casefold(), meant.casefold()
    return (
        not is_empty(text)
        and not is_repetitive(text)
        and not any(each in said and each not in wanted for each in talk)
        and text.rstrip()[-1:].isalnum() <= model.rstrip()[-1:].isalnum()
        and all(rule.holds(text) for rule in rules if rule.holds(model))
    )


def within_limit(text: str) -> str | None:
    """A request that the base can be asked; None for a longer one.

    No token has less than a byte, and bases with a context of 4,096 tokens must have room.
    """
    return text if len(text.encode()) <= MAX_REQUEST_BYTES else None


def _keeps_the_edit(wording: str, correction: str, original: str) -> bool:
    """Words that were added may be in another case; the form that was removed may not come back.

    Rules speak of case: "the" at the start of a sentence is not another word.
    """
    written, meant, before = ({*tokens(text)} for text in (wording, correction, original))
    said, wanted, known = (
        {token.casefold() for token in each} for each in (written, meant, before)
    )
    return wanted - known <= said and not (before - meant) & written
