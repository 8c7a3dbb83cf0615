import random

from hypothesis import given
from hypothesis import strategies as st

from feedback.filters.near_duplicates import MinHashIndex, rejections
from feedback.text.shingles import jaccard, shingles
from tests.feedback.filters.make import make_row

LONG = "Paris is the capital of France, and its largest city; it lies on the river Seine."

TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=40)


def windows(text: str) -> set[str]:
    """The 5-character sequences of a text, including its padded ends."""
    padded = "\0" * 4 + text + "\0" * 4
    return {padded[i : i + 5] for i in range(len(padded) - 4)}


@given(TEXTS, TEXTS)
def test_the_similarity_is_that_of_the_5_character_sequences(first: str, second: str) -> None:
    one, two = windows(first), windows(second)
    assert jaccard(shingles(first), shingles(second)) == len(one & two) / len(one | two)


@given(st.text("abc ", min_size=60, max_size=200), st.integers(0, 59))
def test_the_index_finds_similar_texts(text: str, place: int) -> None:
    other = text[:place] + "x" + text[place + 1 :]
    index = MinHashIndex()
    index.add(7, shingles(text))
    if jaccard(shingles(text), shingles(other)) >= 0.9:
        assert index.like(shingles(other)) == [7]


def test_the_index_rarely_finds_different_texts() -> None:
    choose = random.Random(0)
    texts = ["".join(choose.choices("abcdefghij", k=80)) for _ in range(60)]
    index = MinHashIndex()
    for number, text in enumerate(texts):
        index.add(number, shingles(text))
    assert sum(len(index.like(shingles(text))) for text in texts) < 70


def test_the_newest_near_duplicate_is_accepted() -> None:
    old, new = make_row(chosen=LONG, at=1.0), make_row(chosen=f"{LONG} Yes.", at=2.0)
    [(name, rejection)] = rejections([old, new]).items()
    assert (name, rejection.other) == (old.id, new.id)
    assert rejection.reason == "near-duplicate"


def test_a_correction_is_accepted_before_a_newer_like_of_the_same_text() -> None:
    written = make_row(chosen=LONG, at=1.0, source="correction", revised_from="Paris, I think.")
    liked = make_row(chosen=LONG, at=2.0)
    assert set(rejections([written, liked])) == {liked.id}


def test_the_sentence_distinguishes_equal_from_nearly_equal() -> None:
    items = [
        make_row(chosen=LONG, at=1.0),
        make_row(chosen=LONG, at=3.0, revised_from="Lyon."),
        make_row(chosen=f"{LONG} Yes.", at=2.0),
    ]
    found = rejections(items)
    assert found[items[0].id].why == "Another example has the same prompt and reply."
    assert "5-character sequences are the same" in found[items[2].id].why


def test_only_near_duplicates_of_an_accepted_example_are_rejected() -> None:
    texts = [LONG, f"{LONG} And so on.", f"{LONG} And so on. It is also old."]
    items = [make_row(chosen=text, at=float(at)) for at, text in enumerate(texts)]
    assert set(rejections(items)) == {items[1].id}


def test_the_same_reply_to_another_prompt_is_not_a_duplicate() -> None:
    items = [make_row("Who painted it?", LONG), make_row("Where is the tower?", LONG)]
    assert rejections(items) == {}


def test_prompts_with_different_numbers_are_not_duplicates() -> None:
    question = "Is the number {} a prime number? Please answer with yes or no, nothing else."
    assert rejections([make_row(question.format(n), "Yes.") for n in (7907, 7919)]) == {}


def test_replies_that_differ_in_case_are_not_duplicates() -> None:
    assert rejections([make_row(chosen=LONG), make_row(chosen=LONG.upper())]) == {}


def test_a_reply_and_the_pair_that_prefers_it_are_not_duplicates() -> None:
    assert rejections([make_row(chosen=LONG), make_row(chosen=LONG, rejected="Lyon.")]) == {}


def test_pairs_with_different_rejected_replies_are_not_duplicates() -> None:
    pairs = [make_row(chosen=LONG, rejected=text) for text in ("Lyon.", "I do not know.")]
    assert rejections(pairs) == {}


def test_many_equal_examples_are_filtered_quickly() -> None:
    items = [make_row(chosen=LONG, at=float(n), revised_from=str(n)) for n in range(500)]
    assert len(rejections(items)) == 499
