"""Datasets: examples split by conversation, hashed, and written as JSON Lines.

All examples of a conversation are in one split, so held-out examples are truly unseen.
"""

import json
from collections.abc import Container, Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from feedback.records import Dataset, ExampleKind, ExampleSource, Message, TrainingExample

MIN_CONVERSATIONS_TO_HOLD_OUT = 4
MIN_FOR_SIGNIFICANCE = 5
"""Held-out conversations that a significant gain needs: an exact sign test needs five wins."""
MAX_SHARE_FOR_SIGNIFICANCE = 1 / 3
"""That many are held out if they are at most this share of all."""


def build_dataset(
    user_id: str, examples: Iterable[TrainingExample], held_out_share: float = 0.2
) -> Dataset:
    """The dataset of one user's examples; their order does not matter.

    Holds out about `held_out_share` of the conversations, chosen by hash: none of fewer than four,
    else at least one, and enough for a significant gain of at least fifteen.

    Raises:
        ValueError: the share is not in 0..1, an example is another user's, or two share an id.
    """
    if not 0 <= held_out_share < 1:
        raise ValueError("The held-out share must be at least 0 and less than 1.")
    ordered = sorted(examples, key=lambda each: (each.created_at, each.id))
    if any(each.user_id != user_id for each in ordered):
        raise ValueError("An example belongs to another user.")
    if len({each.id for each in ordered}) != len(ordered):
        raise ValueError("Two examples have the same id.")
    conversations = {each.conversation_id for each in ordered}
    held_out_ids = _held_out(conversations, held_out_share)
    train = tuple(each for each in ordered if each.conversation_id not in held_out_ids)
    held_out = tuple(each for each in ordered if each.conversation_id in held_out_ids)
    return Dataset(user_id, train, held_out, _content_hash(train, held_out))


def with_synthetic(dataset: Dataset, synthetic: Iterable[TrainingExample]) -> Dataset:
    """The dataset with synthetic examples before its training examples."""
    known = {each.id for each in dataset.examples}
    new = tuple(each for each in synthetic if each.id not in known)
    return with_splits(dataset, new + dataset.train, dataset.held_out)


def without(dataset: Dataset, example_ids: Container[str]) -> Dataset:
    """The dataset without some of its examples; the others stay in their split."""
    return with_splits(
        dataset,
        (each for each in dataset.train if each.id not in example_ids),
        (each for each in dataset.held_out if each.id not in example_ids),
    )


def with_splits(
    dataset: Dataset, train: Iterable[TrainingExample], held_out: Iterable[TrainingExample]
) -> Dataset:
    """The dataset with these splits instead, and their hash."""
    splits = tuple(train), tuple(held_out)
    return Dataset(dataset.user_id, *splits, _content_hash(*splits))


def write(dataset: Dataset, path: Path) -> None:
    """Write a dataset for `read`; replaces the file."""
    head = {"user_id": dataset.user_id, "content_hash": dataset.content_hash}
    rows = [{"split": "train", **asdict(each)} for each in dataset.train]
    rows += [{"split": "held_out", **asdict(each)} for each in dataset.held_out]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in [head, *rows]:
            file.write(json.dumps(row, allow_nan=False) + "\n")


def read(path: Path) -> Dataset:
    """Read a dataset that `write` wrote.

    Raises:
        ValueError: the file is malformed, or its content does not match its hashes.
    """
    with path.open(encoding="utf-8") as file:
        try:
            head, *rows = [json.loads(line) for line in file]
            train = tuple(_example(row) for row in rows if row["split"] == "train")
            held_out = tuple(_example(row) for row in rows if row["split"] == "held_out")
            dataset = Dataset(head["user_id"], train, held_out, head["content_hash"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"This is not a dataset: {error!r}.") from error
    if len(dataset.examples) != len(rows) or any(
        each.user_id != dataset.user_id for each in dataset.examples
    ):
        raise ValueError("An example is in neither split, or belongs to another user.")
    if dataset.content_hash != _content_hash(train, held_out):
        raise ValueError("The dataset does not match its hash.")
    return dataset


def _held_out(conversation_ids: set[str], share: float) -> set[str]:
    count = len(conversation_ids)
    if share == 0 or count < MIN_CONVERSATIONS_TO_HOLD_OUT:
        return set()
    by_hash = sorted(conversation_ids, key=lambda each: sha256(each.encode()).hexdigest())
    is_enough = count * MAX_SHARE_FOR_SIGNIFICANCE >= MIN_FOR_SIGNIFICANCE
    minimum = MIN_FOR_SIGNIFICANCE if is_enough else 1
    return set(by_hash[: min(max(minimum, round(share * count)), count - 1)])


def _content_hash(train: Iterable[TrainingExample], held_out: Iterable[TrainingExample]) -> str:
    split = {"train": [each.id for each in train], "held_out": [each.id for each in held_out]}
    return sha256(json.dumps(split, separators=(",", ":")).encode()).hexdigest()


def _example(row: dict[str, Any]) -> TrainingExample:
    example = TrainingExample(
        user_id=row["user_id"],
        kind=ExampleKind(row["kind"]),
        messages=tuple(Message(**message) for message in row["messages"]),
        chosen=row["chosen"],
        rejected=row["rejected"],
        source=ExampleSource(row["source"]),
        conversation_id=row["conversation_id"],
        interaction_ids=tuple(row["interaction_ids"]),
        feedback_ids=tuple(row["feedback_ids"]),
        created_at=row["created_at"],
        revised_from=row["revised_from"],
        is_truncated=row["is_truncated"],
    )
    if example.id != row["id"]:
        raise ValueError("An example does not match its id.")
    return example
