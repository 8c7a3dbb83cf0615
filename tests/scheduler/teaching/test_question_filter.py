"""Which of the lines that the base wrote are new questions."""

import pytest

from scheduler.teaching.question_filter import KnownQuestions, reads_as_question

QUESTION = "How can I get my cat to sleep at night?"


def test_words_need_no_spaces_between_them() -> None:
    assert reads_as_question("请解释重力是什么")
    assert not reads_as_question("请用这些词：")
    assert not reads_as_question("猫" * 60)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?!",
        "How to?",
        "How can I " + "really " * 60 + "sleep?",
        "User: how can I sleep at night?",
        "How can I sleep? Answer: by lying down.",
        "How can I sleep?<|im_end|>",
        "How can I write a story with these words:",
        "- - How can I sleep at night?",
        "How can I sleep\nat night?",
    ],
)
def test_what_no_user_would_ask_is_no_question(text: str) -> None:
    assert reads_as_question(QUESTION)
    assert not reads_as_question(text)


def test_a_question_that_differs_in_one_word_is_known() -> None:
    known = KnownQuestions([QUESTION])
    assert known.is_like("How can I get my dog to sleep at night?")
    assert known.is_like(f"  {QUESTION.upper()}")
    assert not known.is_like("What should I do if my flight is cancelled?")
