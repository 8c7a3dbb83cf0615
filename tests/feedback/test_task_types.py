"""Task types, and the coverage of the prompts asked by the prompts taught."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.task_types import TaskType, coverage, task_type_of

FACTS = ["What is the capital of France?", "Who painted the Mona Lisa?", "When did Rome fall?"]
POEMS = [f"Write a poem about {what}." for what in ("rain", "snow", "wind", "fog", "hail")]


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Write a Python function that adds two numbers.", TaskType.CODE),
        ("Translate 'good morning' into French.", TaskType.TRANSLATION),
        ("How do I say thanks in Japanese?", TaskType.TRANSLATION),
        ("Summarise why people sleep, in two sentences.", TaskType.SUMMARY),
        ("Please shorten this text: The sea is wide.", TaskType.REWRITING),
        ("Classify the tweet as positive or negative.", TaskType.CLASSIFICATION),
        ("What is 12 * 7?", TaskType.CALCULATION),
        ("Draft a reply to my landlord.", TaskType.WRITING),
        ("Can you write an essay?", TaskType.WRITING),
        ("Give me three names for a bakery.", TaskType.IDEAS),
        ("Should I learn to drive?", TaskType.ADVICE),
        ("Why is the sky blue?", TaskType.EXPLANATION),
        ("Explain what a mortgage is.", TaskType.EXPLANATION),
        ("Who was Marie Curie?", TaskType.FACT),
        ("hello", TaskType.OTHER),
        ("", TaskType.OTHER),
        ("你好", TaskType.OTHER),
    ],
)
def test_a_prompt_has_the_task_type_that_a_reader_expects(prompt: str, kind: TaskType) -> None:
    assert task_type_of(prompt) is kind


def test_an_instruction_after_a_long_text_is_found() -> None:
    assert task_type_of("The sea is wide. " * 200 + "Summarise this.") is TaskType.SUMMARY


def test_taught_and_asked_prompts_are_counted_by_task_type() -> None:
    found = coverage(POEMS[:1], [*FACTS, POEMS[0]])
    assert [(each.kind, each.taught, each.asked) for each in found.kinds] == [
        (TaskType.FACT, 0, 3),
        (TaskType.WRITING, 1, 1),
    ]


def test_a_task_type_that_is_often_asked_but_never_taught_makes_a_warning() -> None:
    [warning, _] = coverage(POEMS, [*POEMS, *FACTS, *FACTS]).warnings
    assert warning == (
        "6 of the last 11 prompts ask for a fact, but no training example does:"
        " correct or like some of these replies."
    )


def test_a_task_type_that_dominates_the_taught_prompts_makes_a_warning() -> None:
    [warning] = coverage([*POEMS, FACTS[0]], [*POEMS, *FACTS]).warnings
    assert warning.startswith("5 of 6 training prompts ask for a text to be written:")


def test_a_user_who_asks_for_one_task_type_may_teach_only_that() -> None:
    assert coverage(POEMS, POEMS).warnings == ()


def test_a_few_taught_prompts_make_no_warning() -> None:
    assert coverage(POEMS[:4], FACTS * 10).warnings == ()


@given(st.lists(st.text(max_size=40), max_size=12), st.lists(st.text(max_size=40), max_size=12))
def test_every_prompt_is_counted_once(taught: list[str], asked: list[str]) -> None:
    kinds = coverage(taught, asked).kinds
    assert sum(each.taught for each in kinds) == len(taught)
    assert sum(each.asked for each in kinds) == len(asked)
    assert len({each.kind for each in kinds}) == len(kinds)


@given(st.lists(st.sampled_from([*POEMS, *FACTS])), st.lists(st.sampled_from([*POEMS, *FACTS])))
def test_there_is_no_warning_if_all_asked_types_are_taught_evenly(
    taught: list[str], asked: list[str]
) -> None:
    found = coverage([*taught, *POEMS, *FACTS * 2], asked)
    kinds = {each.kind: each for each in found.kinds}
    total = sum(each.taught for each in found.kinds)
    if all(each.taught < 0.8 * total for each in kinds.values()):
        assert found.warnings == ()
