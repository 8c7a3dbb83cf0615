import re

import pytest

from server.accounts import keys


def test_a_new_key_says_what_it_is_and_holds_256_random_bits() -> None:
    key = keys.new_key()
    assert re.fullmatch(r"lk-[0-9a-f]{16}-[A-Za-z0-9_-]{43}", key.text)
    assert keys.public_id(key.text) == key.public_id


def test_the_stored_hash_is_not_the_key() -> None:
    key = keys.new_key()
    assert key.text not in key.hash
    assert keys.matches(key.text, key.hash)


def test_a_key_with_another_secret_does_not_match() -> None:
    key = keys.new_key()
    assert not keys.matches(key.text[:-1] + "!", key.hash)


@pytest.mark.parametrize("text", ["short", "x" * 257, "with a space in it", "nön-ascii-characters"])
def test_an_impossible_preset_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a key has"):
        keys.preset_key(text)


def test_a_preset_key_of_another_form_is_looked_up_by_its_hash() -> None:
    key = keys.preset_key("correct-horse-battery")
    assert keys.public_id("correct-horse-battery") == key.public_id
    assert "correct" not in key.public_id
