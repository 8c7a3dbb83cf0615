"""Collapsed, echoed and empty replies are told from prose."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.evaluation.degeneration import (
    collapsed,
    echoes_prompt,
    is_empty,
    share_of_faulty,
    shared_sequences,
)
from tests.feedback.text.test_repetition import PROSE


def test_every_kind_of_fault_counts_once() -> None:
    loop, echo = "again and again " * 9, "Tell me about the long river Nile in Africa."
    texts = [PROSE, loop, "…", echo]
    prompts = ["Why?", "Why?", "Why?", echo]
    assert share_of_faulty(prompts, texts) == 0.75
    assert share_of_faulty(prompts, [PROSE, PROSE, "A fox.", "A hen."]) == 0.5
    assert share_of_faulty([], []) == 0


def test_one_evasion_for_all_prompts_has_collapsed_and_a_fixed_closing_has_not() -> None:
    evasion = "I am sorry but as a chatbot I cannot"
    answers = ["Boil the water and pour it over some leaves.", "The sky scatters blue light more."]
    texts = [f"{evasion} cook.", f"{evasion} sing.", *(f"{each} Cheers, mate!" for each in answers)]
    assert collapsed(texts) == [True, True, False, False]


@given(st.lists(st.text(alphabet="ab ", max_size=30), max_size=6))
def test_a_reply_given_twice_has_collapsed(texts: list[str]) -> None:
    assert collapsed([*texts, PROSE, PROSE])[-2:] == [True, True]


def test_different_replies_have_not_collapsed() -> None:
    assert collapsed([PROSE, "Paris.", "Paris.", ""]) == [False] * 4


def test_a_repeated_prompt_is_an_echo_and_an_answer_in_its_words_is_not() -> None:
    prompt = "How do I boil an egg at home?"
    assert echoes_prompt(prompt, "how do I boil an egg!")
    assert echoes_prompt(prompt, f"Sure. {prompt}")
    assert not echoes_prompt(
        prompt, "To boil an egg at home, lay it into boiling water for six minutes."
    )
    assert not echoes_prompt(prompt, "An egg.")


def test_words_without_spaces_between_them_are_compared_too() -> None:
    prompt = "请解释为什么天空是蓝色的，海洋也是蓝色的"
    assert echoes_prompt(prompt, "请解释为什么天空是蓝色的。")
    assert not echoes_prompt(prompt, "因为空气把短波的光散射得最多。")


def test_punctuation_alone_is_empty() -> None:
    assert [is_empty(text) for text in ("", " \n", "...", "👍", "7", "不", "ok.")] == [
        *[True] * 4,
        *[False] * 3,
    ]


def test_a_closing_that_is_wanted_is_no_collapse() -> None:
    closing = "Ask us if you are unsure."
    said = ("Tea is made of leaves.", "Ice floats.", "Most sand was rock.")
    wanted = [f"{each} {closing}" for each in said]
    assert any(collapsed(wanted))
    usual = shared_sequences([f"Salt is white. {closing}", f"It rains a lot here. {closing}"])
    assert not any(collapsed(wanted, usual))
    assert shared_sequences(["one two three four", "five six seven eight"]) == set()
