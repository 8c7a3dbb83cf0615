"""Rows are read and split, and the writers' edits are dealt to users."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.gate.kinds import FeedbackItem
from tests.benchmarks.learning.results import Reply
from tests.benchmarks.writers.rows import FILE, NUM_TAUGHT, Row, read_rows, split_rows
from tests.benchmarks.writers.users import shuffled_writers, writers


def rows(count: int) -> list[Row]:
    return [Row(f"lamp-{n}", f"Tell {n}.", f"Once {n}.", ("A.", "B.", "C.")) for n in range(count)]


def test_a_row_is_read_with_its_edits_in_the_writers_order(tmp_path: Path) -> None:
    stored = {"instruction": "Tell.", "before": "Once.", "W16": "C.", "W3": "A. ", "W12": "B."}
    (tmp_path / FILE).write_text(json.dumps(stored), encoding="utf-8")
    assert read_rows(tmp_path / FILE) == [Row("lamp-0", "Tell.", "Once.", ("A.", "B.", "C."))]


def test_twenty_rows_teach_and_the_others_test() -> None:
    taught, unseen = split_rows(rows(47))
    assert len(taught) == NUM_TAUGHT == 20
    assert sorted([*taught, *unseen], key=str) == sorted(rows(47), key=str)


def test_the_split_is_always_the_same_and_not_the_files_order() -> None:
    assert split_rows(rows(47)) == split_rows(rows(47))
    assert split_rows(rows(47))[0] != rows(47)[:NUM_TAUGHT]


def test_a_writer_corrects_a_paragraph_to_their_own_edit() -> None:
    [row] = rows(1)
    items = [user.corrections([row]) for user in writers([row])]
    reply = Reply("lamp-0", "Once 0.", "stop")
    assert items == [
        [FeedbackItem("Tell 0.", reply, correction=edit)] for edit in ("A.", "B.", "C.")
    ]


@given(st.integers(0, 60), st.integers())
def test_each_row_gives_each_edit_to_exactly_one_shuffled_writer(count: int, seed: int) -> None:
    users = shuffled_writers(rows(count), seed)
    for row in rows(count):
        assert sorted(user.own[row.id] for user in users) == [0, 1, 2]


@given(st.integers(0, 60), st.integers())
def test_a_shuffled_writer_has_edits_of_every_writer_equally_often(count: int, seed: int) -> None:
    for user in shuffled_writers(rows(count), seed):
        counts = [[*user.own.values()].count(number) for number in range(3)]
        assert max(counts) - min(counts) <= 1


def test_the_same_seed_deals_the_same_edits() -> None:
    assert shuffled_writers(rows(47), 1) == shuffled_writers(rows(47), 1)
    assert shuffled_writers(rows(47), 1) != shuffled_writers(rows(47), 2)
