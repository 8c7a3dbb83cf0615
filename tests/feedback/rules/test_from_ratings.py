"""Rules that discriminate liked from disliked replies."""

from collections.abc import Sequence
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.rules.from_ratings import (
    SIGNIFICANCE_LEVEL,
    RatedText,
    discriminative_rules,
    fisher_exact,
    ratings_evidence,
)
from feedback.rules.rule import Rule, are_exclusive, in_order
from tests.feedback.rules.replies import REPLIES
from tests.feedback.rules.strategies import made_replies

NO_COMMAS, LOWER = Rule("commas", "none"), Rule("case", "lower")
WITH = [f"Tea, number {n}, is hot and good." for n in range(12)]
WITHOUT = [f"Tea number {n} is hot and good." for n in range(12)]


def ratings(liked: Sequence[str], disliked: Sequence[str]) -> list[RatedText]:
    texts = [(text, True) for text in liked] + [(text, False) for text in disliked]
    return [RatedText(text, is_liked, float(at)) for at, (text, is_liked) in enumerate(texts)]


def found(liked: Sequence[str], disliked: Sequence[str]) -> list[Rule]:
    return [each.rule for each in discriminative_rules(ratings(liked, disliked))]


def test_a_rule_that_liked_replies_follow_and_disliked_ones_break_is_learned() -> None:
    assert found(WITHOUT, WITH) == [NO_COMMAS]


def test_a_rule_names_the_ratings_that_show_it_and_counts_those_against_it() -> None:
    liked, disliked = [*WITHOUT, WITH[0]], [*WITH[1:], WITHOUT[0]]
    [learned] = discriminative_rules(ratings(liked, disliked))
    shown = (*range(12), *range(13, 24))
    assert (learned.rule, learned.support, learned.against) == (NO_COMMAS, 23, 1)
    assert learned.places == shown
    assert ratings_evidence(NO_COMMAS, ratings(liked, disliked)) == learned


@pytest.mark.parametrize(("liked", "disliked"), [(12, 0), (0, 12), (3, 3)])
def test_too_few_likes_or_dislikes_show_no_rule(liked: int, disliked: int) -> None:
    assert found(WITHOUT[:liked], WITH[:disliked]) == []


def test_a_rule_that_all_replies_follow_is_not_learned() -> None:
    assert found(WITHOUT[:6], WITHOUT[6:]) == []


def test_the_dislikes_that_one_rule_leaves_unexplained_can_show_another() -> None:
    liked = [text.lower() for text in WITHOUT]
    disliked = [text.lower() for text in WITH]
    assert found(liked, [*disliked, *WITHOUT]) == [NO_COMMAS, LOWER]


def test_random_ratings_rarely_show_a_rule() -> None:
    shown = 0
    for seed in range(100):
        random = Random(seed)
        rated = [RatedText(text, random.random() < 0.4, 0.0) for text in [*WITH, *WITHOUT]]
        shown += bool(discriminative_rules(rated))
    assert shown <= 100 * SIGNIFICANCE_LEVEL + 3


@settings(max_examples=30)
@given(st.lists(st.tuples(made_replies(), st.booleans()), max_size=40), st.randoms())
def test_the_order_of_arrival_never_matters(rated: list[tuple[str, bool]], random: Random) -> None:
    made = [RatedText(text, is_liked, float(at)) for at, (text, is_liked) in enumerate(rated)]
    shuffled = random.sample(made, len(made))
    one, other = discriminative_rules(made), discriminative_rules(shuffled)
    assert [(each.rule, each.support) for each in one] == [
        (each.rule, each.support) for each in other
    ]
    rules = [each.rule for each in one]
    assert rules == in_order(rules)
    assert not any(are_exclusive(*pair) for pair in combinations(rules, 2))


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 6), st.integers(1, 6))
def test_the_p_value_is_that_of_drawing_without_replacement(
    liked_hits: int, disliked_hits: int, liked: int, disliked: int
) -> None:
    liked_hits, disliked_hits = min(liked_hits, liked), min(disliked_hits, disliked)
    total, hits = liked + disliked, liked_hits + disliked_hits
    draws = list(combinations(range(total), liked))
    as_many = sum(sum(place < hits for place in draw) >= liked_hits for draw in draws)
    expected = as_many / len(draws)
    assert fisher_exact(liked_hits, disliked_hits, liked, disliked) == pytest.approx(expected)


def test_texts_without_words_and_documents_show_no_rule() -> None:
    assert found(["…", "a " * 5000], REPLIES[:12]) == []
