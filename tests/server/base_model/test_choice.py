"""Which base model a data folder gets."""

from hypothesis import given
from hypothesis import strategies as st

from adapters_store.models.built_in import BUILT_IN, SMALLEST
from server.base_model.choice import AUTO, PREFERRED, choose_model, or_smallest

ENOUGH = BUILT_IN[PREFERRED].memory_bytes
MEMORY = st.integers(0, 1 << 40)
NAMES = st.sampled_from([*BUILT_IN, "/models/mine.gguf", "org/model"])


def test_the_first_start_takes_the_preferred_model_and_keeps_it() -> None:
    choice = choose_model(AUTO, None, has_adapters=False, available_bytes=ENOUGH)
    assert (choice.model, choice.is_kept, choice.fallback) == (PREFERRED, True, SMALLEST)
    assert PREFERRED in choice.why


def test_a_machine_with_little_memory_takes_the_smallest_and_says_why() -> None:
    choice = choose_model(AUTO, None, has_adapters=False, available_bytes=1_400_000_000)
    assert (choice.model, choice.is_kept) == (SMALLEST, True)
    assert "needs 2.3 GB of memory, 1.4 GB are free" in choice.why


def test_adapters_of_an_earlier_version_keep_the_smallest() -> None:
    choice = choose_model(AUTO, None, has_adapters=True, available_bytes=ENOUGH)
    assert (choice.model, choice.is_kept) == (SMALLEST, True)


@given(NAMES, st.booleans(), MEMORY)
def test_a_kept_model_is_served_whatever_memory_is_free(
    kept: str, has_adapters: bool, available: int
) -> None:
    choice = choose_model(AUTO, kept, has_adapters=has_adapters, available_bytes=available)
    assert (choice.model, choice.why, choice.fallback) == (kept, "", None)


@given(NAMES, st.none() | NAMES, st.booleans(), MEMORY)
def test_a_setting_is_obeyed_without_a_word_and_without_a_fallback(
    setting: str, kept: str | None, has_adapters: bool, available: int
) -> None:
    choice = choose_model(setting, kept, has_adapters=has_adapters, available_bytes=available)
    assert (choice.model, choice.why, choice.fallback) == (setting, "", None)


@given(NAMES, st.none() | NAMES, MEMORY)
def test_a_setting_is_kept_only_while_there_are_no_adapters(
    setting: str, kept: str | None, available: int
) -> None:
    for has_adapters in (False, True):
        choice = choose_model(setting, kept, has_adapters=has_adapters, available_bytes=available)
        assert choice.is_kept is not has_adapters


@given(st.none() | NAMES, st.booleans(), MEMORY)
def test_what_is_chosen_and_kept_is_chosen_again(
    kept: str | None, has_adapters: bool, available: int
) -> None:
    first = choose_model(AUTO, kept, has_adapters=has_adapters, available_bytes=available)
    again = choose_model(AUTO, first.model, has_adapters=True, available_bytes=0)
    assert first.is_kept
    assert again.model == first.model


def test_what_was_tried_out_on_the_smallest_takes_it_unless_told_otherwise() -> None:
    assert (or_smallest(AUTO), or_smallest("org/model")) == (SMALLEST, "org/model")
