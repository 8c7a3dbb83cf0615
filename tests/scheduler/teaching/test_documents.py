"""What of a document is taught."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.teaching.documents import PASSAGE_CHARACTERS, is_supported, passages

PASSAGE = (
    "Travel costs are paid back within 14 days. Send the receipts to Maria Lindt, who checks them"
    " on Fridays."
)


@given(st.text(max_size=5000))
def test_no_passage_is_too_long_and_no_word_is_lost(text: str) -> None:
    parts = passages(text)
    assert all(0 < len(each) <= PASSAGE_CHARACTERS for each in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_passages_are_cut_between_paragraphs() -> None:
    one, two = "a " * 200, "b " * 200
    assert passages(f"{one}\n\n{two}") == (one.strip(), two.strip())


def test_short_paragraphs_are_together() -> None:
    assert passages("# Travel\n\nBy train.\n\n\nAlways.") == ("# Travel\n\nBy train.\n\nAlways.",)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who checks the receipts?", "Maria Lindt checks them on Fridays."),
        ("How soon are travel costs paid back?", "Travel costs are paid back within 14 days."),
        ("When are receipts checked?", "On Fridays."),
    ],
)
def test_what_the_passage_says_is_supported(question: str, answer: str) -> None:
    assert is_supported(PASSAGE, question, answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How soon are travel costs paid back?", "Travel costs are paid back within 30 days."),
        ("Who checks the receipts?", "Receipts are usually checked by the finance department."),
        ("Who checks the receipts?", "The receipts."),
        ("Who checks the receipts?", ""),
        ("Who checks the receipts?", "Maria " * 40),
        ("What does this text say of receipts?", "Maria Lindt checks them on Fridays."),
        ("Who checks the receipts?", "The text says Maria Lindt checks them."),
        ("What is the capital of France?", "Maria Lindt checks them on Fridays."),
    ],
)
def test_what_the_passage_does_not_say_is_not(question: str, answer: str) -> None:
    assert not is_supported(PASSAGE, question, answer)


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    passage = "東京事務所は九時に開きます。"
    assert is_supported(passage, "東京事務所はいつ開きますか？", "九時に開きます。")
    assert not is_supported(passage, "東京事務所はいつ開きますか？", "午後七時半です。")
