"""Thumbs that agree on something show a preference; others do not."""

import random

from hypothesis import given
from hypothesis import strategies as st

from feedback.memory.preference_model import (
    MIN_EACH,
    features,
    fit_preference_model,
    naive_bayes,
    score,
    typical_ids,
)
from feedback.records import ExampleKind, TrainingExample
from tests.feedback.filters.make import make_row

SHORT = [f"{name} is enough." for name in ("Tea", "Bread", "Rain", "Paper", "Salt", "Wood")]
LISTS = [
    f"Here are some things:\n\n1. {one}\n2. {other}\n3. More"
    for one, other in (
        ("Tea", "Milk"),
        ("Bread", "Salt"),
        ("Rain", "Snow"),
        ("Paper", "Ink"),
        ("Salt", "Oil"),
        ("Wood", "Stone"),
    )
]


def example(kind: ExampleKind, reply: str) -> TrainingExample:
    is_liked = kind is not ExampleKind.UNDESIRABLE
    return make_row(
        kind=kind, chosen=reply if is_liked else "", rejected=None if is_liked else reply
    ).example


def rated(liked: list[str], disliked: list[str]) -> list[TrainingExample]:
    return [
        *(example(ExampleKind.DESIRABLE, each) for each in liked),
        *(example(ExampleKind.UNDESIRABLE, each) for each in disliked),
    ]


def test_an_unseen_reply_of_the_liked_kind_is_preferred() -> None:
    prefers = fit_preference_model(rated(SHORT, LISTS))
    assert prefers is not None
    assert prefers("Coffee is enough.") > 0 > prefers("Here are some:\n\n1. Coffee\n2. Cake")


def test_thumbs_that_agree_on_nothing_show_no_preference() -> None:
    mixed = SHORT + LISTS
    assert fit_preference_model(rated(mixed[::2], mixed[1::2])) is None


def test_too_few_thumbs_show_no_preference() -> None:
    few = MIN_EACH - 1
    assert fit_preference_model(rated(SHORT, LISTS[:few])) is None
    assert fit_preference_model(rated(SHORT[:few], LISTS)) is None


def test_random_thumbs_seldom_show_a_preference() -> None:
    draw = random.Random(0)
    shown = 0
    for _ in range(100):
        texts = [" ".join(draw.choices("abcdefghij", k=8)) for _ in range(20)]
        shown += fit_preference_model(rated(texts[:8], texts[8:])) is not None
    assert shown <= 12


def test_only_liked_replies_of_the_preferred_kind_are_typical() -> None:
    examples = rated([*SHORT, "Here are some things:\n\n1. Odd\n2. Even\n3. More"], LISTS)
    expected = {each.id for each in examples if each.chosen in SHORT}
    assert typical_ids(examples) == expected


def test_nothing_is_typical_beside_a_correction() -> None:
    correction = example(ExampleKind.SFT, "As I want it.")
    assert typical_ids([*rated(SHORT, LISTS), correction]) == frozenset()


@given(st.lists(st.text(max_size=30)), st.lists(st.text(max_size=30)), st.text(max_size=30))
def test_likes_and_dislikes_are_treated_alike(
    liked: list[str], disliked: list[str], reply: str
) -> None:
    of_liked, of_disliked = ([features(each) for each in texts] for texts in (liked, disliked))
    one, other = naive_bayes(of_liked, of_disliked), naive_bayes(of_disliked, of_liked)
    assert abs(score(one, features(reply)) + score(other, features(reply))) < 1e-9
