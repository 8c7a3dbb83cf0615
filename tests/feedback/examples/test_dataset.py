import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.examples.build import build_examples
from feedback.examples.dataset import build_dataset, read, write
from feedback.records import Dataset, Message, TrainingExample
from tests.feedback.make import make_feedback, make_interaction
from tests.feedback.strategies import training_examples


def conversations(examples: tuple[TrainingExample, ...]) -> set[str]:
    return {each.conversation_id for each in examples}


def make_dataset(count: int = 5) -> Dataset:
    """`count` conversations with a corrected reply each."""
    turns = [
        make_interaction(
            f"c{number}",
            conversation_id=f"conversation-{number}",
            messages=(Message("user", f"Question {number}, \u2028 half \ud800?"),),
        )
        for number in range(count)
    ]
    feedback = [
        make_feedback(f"f{number}", target=f"c{number}", correction=f"answer {number}")
        for number in range(count)
    ]
    return build_dataset("ann", build_examples(turns, feedback))


@given(training_examples())
def test_no_conversation_is_in_both_splits(examples: list[TrainingExample]) -> None:
    dataset = build_dataset("ann", examples)
    assert not conversations(dataset.train) & conversations(dataset.held_out)
    assert {each.id for each in dataset.examples} == {each.id for each in examples}
    for split in (dataset.train, dataset.held_out):
        assert list(split) == sorted(split, key=lambda each: (each.created_at, each.id))


@given(training_examples(), st.floats(0, 0.99))
def test_the_held_out_share_is_respected(examples: list[TrainingExample], share: float) -> None:
    dataset = build_dataset("ann", examples, share)
    count = len(conversations(tuple(examples)))
    held_out = len(conversations(dataset.held_out))
    if count < 4 or share == 0:
        assert held_out == 0
    else:
        assert held_out == min(max(1, round(share * count)), count - 1)


def test_with_fifteen_conversations_enough_are_held_out_for_significance() -> None:
    held_out = [len(make_dataset(count).held_out) for count in (14, 15, 25, 30)]
    assert held_out == [3 * 2, 5 * 2, 5 * 2, 6 * 2]


@given(training_examples(), st.integers())
def test_the_order_of_the_examples_does_not_matter(
    examples: list[TrainingExample], seed: int
) -> None:
    shuffled = random.Random(seed).sample(examples, len(examples))
    assert build_dataset("ann", shuffled) == build_dataset("ann", examples)


@given(training_examples())
def test_the_hash_depends_on_the_examples(examples: list[TrainingExample]) -> None:
    dataset = build_dataset("ann", examples)
    assert all(
        build_dataset("ann", [other for other in examples if other is not each]).content_hash
        != dataset.content_hash
        for each in examples
    )


def test_the_hash_depends_on_the_split() -> None:
    dataset = make_dataset(5)
    other = build_dataset("ann", dataset.examples, held_out_share=0.6)
    assert other.content_hash != dataset.content_hash


def test_examples_of_another_user_are_refused() -> None:
    with pytest.raises(ValueError, match="another user"):
        build_dataset("bob", make_dataset().examples)


def test_examples_with_equal_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        build_dataset("ann", make_dataset().examples * 2)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        build_dataset("ann", (), share)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_written_dataset_is_read_back_equal(tmp_path: Path, count: int) -> None:
    dataset = make_dataset(count)
    write(dataset, tmp_path / "dataset.jsonl")
    assert read(tmp_path / "dataset.jsonl") == dataset


def test_an_equal_dataset_is_written_to_equal_bytes(tmp_path: Path) -> None:
    write(make_dataset(), tmp_path / "one")
    write(build_dataset("ann", make_dataset().examples[::-1]), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_changed_text_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dataset.jsonl"
    write(make_dataset(), path)
    path.write_text(path.read_text().replace("answer 3", "answer 4"))
    with pytest.raises(ValueError, match="its id"):
        read(path)


def test_a_missing_row_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dataset.jsonl"
    write(make_dataset(), path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="its hash"):
        read(path)


def test_a_row_moved_to_the_other_split_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dataset.jsonl"
    write(make_dataset(), path)
    path.write_text(path.read_text().replace('"held_out"', '"train"', 1))
    with pytest.raises(ValueError, match="its hash"):
        read(path)


def test_a_row_of_another_user_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dataset.jsonl"
    dataset = make_dataset()
    write(replace(dataset, user_id="bob"), path)
    with pytest.raises(ValueError, match="another user"):
        read(path)


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"user_id": "ann", "content_hash": ""}\n{"split": 1}\n']
)
def test_a_file_that_is_not_a_dataset_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dataset.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        read(path)


def test_every_written_row_is_a_line_of_json(tmp_path: Path) -> None:
    write(make_dataset(), tmp_path / "dataset.jsonl")
    head, *rows = map(json.loads, (tmp_path / "dataset.jsonl").read_bytes().split(b"\n")[:-1])
    assert set(head) == {"user_id", "content_hash"}
    assert {row["split"] for row in rows} == {"train", "held_out"}
    assert all(row["id"] == example_id_of(row) for row in rows)


def example_id_of(row: dict[str, object]) -> str:
    example = next(each for each in make_dataset().examples if each.id == row["id"])
    return replace(example).id
