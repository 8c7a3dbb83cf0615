import pytest

from feedback.filters import length, mojibake
from feedback.filters.records import Rejection
from feedback.records import ExampleKind
from tests.feedback.filters.make import make_row


def reasons(found: dict[str, Rejection]) -> list[str]:
    return [rejection.reason for rejection in found.values()]


@pytest.mark.parametrize("reply", ["", " \n", "...", "—", "?!"])
def test_a_reply_without_a_word_is_rejected_as_empty(reply: str) -> None:
    assert reasons(length.rejections([make_row(chosen=reply)])) == ["empty"]


@pytest.mark.parametrize("reply", ["ok", "7", "👍", "不", "+"])
def test_one_meaningful_character_is_a_reply(reply: str) -> None:
    assert length.rejections([make_row(chosen=reply)]) == {}


def test_a_disliked_reply_has_no_chosen_reply_that_could_be_empty() -> None:
    wrong = make_row(chosen="", rejected="Lyon.", kind=ExampleKind.UNDESIRABLE)
    pair = make_row(chosen="", rejected="Lyon.")
    assert set(length.rejections([wrong, pair])) == {pair.id}


def test_a_reply_over_the_limit_is_rejected_as_too_long() -> None:
    assert reasons(length.rejections([make_row(chosen="word " * 5000)])) == ["too long"]
    assert length.rejections([make_row(chosen="word " * 4000)]) == {}


@pytest.mark.parametrize("reply", ["caf\ufffd au lait", "a\x00b\x07c", "half \ud800 of a pair"])
def test_a_liked_reply_with_unreadable_characters_is_rejected(reply: str) -> None:
    assert reasons(mojibake.rejections([make_row(chosen=reply)])) == ["garbled"]


def test_a_repetitive_reply_is_rejected_even_if_it_is_hand_written() -> None:
    for source in ("liked", "correction"):
        item = make_row(chosen="buy now " * 20, source=source)
        assert reasons(length.repetitive_replies([item])) == ["looping"]
    twice = "The bell rings at noon, and the whole village comes to eat. " * 2
    for reply in ("no no no", twice):
        assert length.repetitive_replies([make_row(chosen=reply)]) == {}


def test_a_disliked_reply_may_be_repetitive() -> None:
    item = make_row(chosen="buy now " * 20, kind=ExampleKind.UNDESIRABLE)
    assert length.repetitive_replies([item]) == {}


def test_a_hand_written_reply_is_never_garbled() -> None:
    assert mojibake.rejections([make_row(chosen="caf\ufffd", source="correction")]) == {}


def test_layout_emoji_and_one_bad_character_in_a_long_text_are_readable() -> None:
    items = [make_row(chosen="a\tb\r\nc 👩‍🚀"), make_row(chosen="\ufffd" + "word " * 50)]
    assert mojibake.rejections(items) == {}
