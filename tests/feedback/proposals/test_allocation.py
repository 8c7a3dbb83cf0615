"""The number of proposals per task type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.proposals.allocation import allocate, task_type_shares
from feedback.task_types import TaskType

FACT, POEM, CODE = "Who was Ada Lovelace?", "Write a poem about rain.", "Fix this Python code."
shares = st.dictionaries(st.sampled_from(TaskType), st.floats(0.001, 1.0))


def test_a_task_type_that_is_asked_but_not_taught_gets_proposals() -> None:
    assert task_type_shares(taught=[FACT], asked=[FACT, POEM], criticised=[]) == {
        TaskType.WRITING: 1.0
    }


def test_a_task_type_that_goes_wrong_gets_proposals_even_if_it_is_taught() -> None:
    found = task_type_shares(taught=[FACT, POEM], asked=[FACT, POEM], criticised=[POEM])
    assert found == {TaskType.WRITING: 1.0}


def test_gaps_and_criticism_add_up() -> None:
    found = task_type_shares(taught=[FACT], asked=[FACT, POEM], criticised=[CODE])
    assert found == pytest.approx({TaskType.WRITING: 1 / 3, TaskType.CODE: 2 / 3})


def test_without_gaps_the_shares_are_those_of_the_asked_prompts() -> None:
    assert task_type_shares([FACT, POEM], [FACT, POEM], []) == {
        TaskType.FACT: 0.5,
        TaskType.WRITING: 0.5,
    }
    assert task_type_shares([], [], []) == {}


@given(shares, st.sets(st.sampled_from(TaskType)), st.integers(1, 200))
def test_the_numbers_add_up_and_go_to_possible_task_types_only(
    found: dict[TaskType, float], possible: set[TaskType], count: int
) -> None:
    numbers = allocate(found, possible, count)
    assert numbers.keys() <= possible & found.keys()
    assert sum(numbers.values()) == (count if possible & found.keys() else 0)
    assert all(number > 0 for number in numbers.values())


@given(shares, st.integers(1, 200))
def test_no_task_type_is_more_than_one_off_its_share(
    found: dict[TaskType, float], count: int
) -> None:
    numbers, total = allocate(found, set(TaskType), count), sum(found.values())
    assert all(
        abs(numbers.get(kind, 0) - count * share / total) < 1 + 1e-9
        for kind, share in found.items()
    )
