import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.memory.bm25 import relevance

TEXTS = st.lists(st.text(max_size=30), max_size=5)


def test_the_text_that_shares_more_words_scores_higher() -> None:
    texts = ["How do I boil an egg?", "How do I fix a bicycle?", "Who was Newton?"]
    egg, bicycle, newton = relevance(texts, "How long must an egg boil?")
    assert egg > bicycle > newton == 0


def test_words_match_by_their_stems_and_in_any_case() -> None:
    assert relevance(["Boiling eggs"], "BOILED EGG")[0] > 0


def test_operators_of_the_query_language_are_plain_words() -> None:
    texts = ["cats and dogs", "cats", "near"]
    assert [score > 0 for score in relevance(texts, "dogs AND (nothing")] == [True, False, False]
    assert [score > 0 for score in relevance(texts, 'NEAR("cats')] == [True, True, True]
    assert [score > 0 for score in relevance(texts, "text: cats* NOT dogs")] == [True, True, False]


@pytest.mark.parametrize(
    ("texts", "question"),
    [
        (["如何煮鸡蛋？", "怎么修自行车"], "鸡蛋要煮多久"),
        (["ต้มไข่อย่างไร", "ซ่อมจักรยาน"], "ไข่ต้องต้มนานไหม"),
        (["बिल्ली क्या है?", "बाल क्या"], "एक बिल्ली"),
        (["שָׁלוֹם", "לום"], "שָׁלוֹם"),
    ],
)
def test_words_match_in_any_script(texts: list[str], question: str) -> None:
    same, other = relevance(texts, question)
    assert same > other


@given(TEXTS, st.text(max_size=40))
def test_any_question_can_be_scored_against_any_texts(texts: list[str], question: str) -> None:
    scores = relevance(texts, question)
    assert len(scores) == len(texts)
    assert all(score >= 0 for score in scores)


@given(TEXTS, st.text(max_size=40))
def test_the_same_question_gives_the_same_scores(texts: list[str], question: str) -> None:
    assert relevance(texts, question) == relevance(texts, question)
