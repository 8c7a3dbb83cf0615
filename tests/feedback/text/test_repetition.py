"""Distinguishes loops from prose."""

from hypothesis import given
from hypothesis import strategies as st

from feedback.text.repetition import is_repetitive

PROSE = (
    "A bicycle stays upright because its rider steers into every small fall, and the front"
    " wheel's geometry helps by turning the same way."
)


def test_prose_is_not_a_loop() -> None:
    assert not is_repetitive(PROSE)


def test_a_repeated_sentence_is_a_loop() -> None:
    assert is_repetitive("I am here to help you. " * 5)


def test_a_loop_at_the_end_of_prose_is_found() -> None:
    assert is_repetitive(PROSE + " and so on" * 15)


def test_a_short_answer_is_never_a_loop() -> None:
    assert not is_repetitive("no no no no no")


@given(st.integers(1, 12))
def test_a_loop_is_found_in_24_words(period: int) -> None:
    words = [f"word{i % period}" for i in range(24)]
    assert is_repetitive(" ".join(words))


@given(st.text(alphabet="ab c", min_size=4, max_size=20).filter(lambda t: len(t.split()) > 1))
def test_any_text_repeated_twelve_times_is_a_loop(text: str) -> None:
    assert is_repetitive(f"{text} " * 12)
