"""The checks of IFEval on replies whose result is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.forgetting.ifeval import FILE, Check, Task, load_check, read_tasks
from tests.benchmarks.learning.prompts import Prompt


@pytest.fixture(scope="module")
def check() -> Check:
    try:
        return load_check()
    except ImportError as error:
        pytest.skip(f"the checks of IFEval are not installed: {error}")


def task(instruction: str, **arguments: Any) -> Task:
    return Task(Prompt("ifeval-1", "Write."), (instruction,), (arguments,))


@pytest.mark.parametrize(
    ("asked", "follows", "fails"),
    [
        (task("punctuation:no_comma"), "One two.", "One, two."),
        (
            task("length_constraints:number_sentences", relation="at least", num_sentences=2),
            "It rains. Dr. Who stays in.",
            "Dr. Who stays in.",
        ),
        (
            task(
                "change_case:capital_word_frequency",
                capital_relation="at least",
                capital_frequency=2,
            ),
            "NASA flies. So does ESA.",
            "NASA flies.",
        ),
        (task("change_case:english_lowercase"), "it is raining in the street.", "It is raining."),
    ],
    ids=lambda value: value.instructions[0] if isinstance(value, Task) else "",
)
def test_a_reply_follows_an_instruction_or_does_not(
    check: Check, asked: Task, follows: str, fails: str
) -> None:
    assert check(asked, follows) and not check(asked, fails)


def test_an_empty_reply_follows_nothing(check: Check) -> None:
    assert not check(task("punctuation:no_comma"), " \n")


def test_a_reply_that_follows_one_of_two_instructions_fails(check: Check) -> None:
    both = Task(
        Prompt("ifeval-1", "Write."),
        ("punctuation:no_comma", "startend:quotation"),
        ({}, {}),
    )
    assert check(both, '"One two."') and not check(both, "One two.")


def test_tasks_are_read_with_their_instructions(tmp_path: Path) -> None:
    row = {
        "key": 7,
        "prompt": "Write.",
        "instruction_id_list": ["punctuation:no_comma"],
        "kwargs": [{}],
    }
    (tmp_path / FILE).write_text(json.dumps(row), encoding="utf-8")
    [read] = read_tasks(tmp_path / FILE)
    assert read == Task(Prompt("ifeval-7", "Write."), ("punctuation:no_comma",), ({},))
