"""Which examples train in which phase, and how much they count."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.base_model import BaseModel
from feedback.records import ExampleSource, TrainingExample
from scheduler.fit.batching import TokenisedReply
from scheduler.fit.examples import FitExamples, RatedTokens, rating_weights, tokenise_examples
from scheduler.records import TrainingConfig
from tests.scheduler.training import make_example, make_rating

LIKED = make_rating("a", "fine", is_liked=True)
DISLIKED = make_rating("b", "never so", is_liked=False)
PAIR = make_example("c", "better", "worse")
KL_REPLIES = [("Why?", "Because."), ("x" * 150, "too long")]
TOKEN = TokenisedReply((1,), (1.0,))


def tokenised(base: BaseModel, *examples: TrainingExample) -> FitExamples:
    return tokenise_examples(base.renderer, examples, KL_REPLIES, TrainingConfig(max_tokens=100))


def test_a_liked_reply_is_learned_and_balances_the_disliked_ones(
    tiny_base: BaseModel,
) -> None:
    examples = tokenised(tiny_base, LIKED, DISLIKED)
    assert [rating.is_desirable for rating in examples.ratings] == [True, False]
    assert examples.replies == (examples.ratings[0].reply,)
    disliked = tiny_base.renderer.text_ids("never so")
    assert (
        list(examples.ratings[1].reply.ids[-examples.ratings[1].reply.reply_tokens :])[:8]
        == disliked
    )


def test_without_dislikes_there_are_no_ratings_and_no_kl_replies(tiny_base: BaseModel) -> None:
    examples = tokenised(tiny_base, LIKED, PAIR)
    assert (examples.ratings, examples.kl_replies) == ((), ())
    assert (len(examples.replies), len(examples.pairs)) == (1, 1)


def test_examples_that_are_too_long_are_dropped(tiny_base: BaseModel) -> None:
    long = "x" * 150
    others = [make_example(long, "a", "b"), make_rating(long, "a", is_liked=False)]
    examples = tokenised(tiny_base, DISLIKED, *others)
    assert (len(examples.ratings), len(examples.pairs), len(examples.kl_replies)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("source", "flip_rate"), [("correction", 0.0), ("preference", 0.1), ("regenerated", 0.1)]
)
def test_only_clicks_have_a_flip_rate(tiny_base: BaseModel, source: str, flip_rate: float) -> None:
    [pair] = tokenised(tiny_base, replace(PAIR, source=ExampleSource(source))).pairs
    assert pair.flip_rate == flip_rate


@given(liked=st.integers(1, 50), disliked=st.integers(1, 50))
def test_likes_and_dislikes_have_the_same_total(liked: int, disliked: int) -> None:
    ratings = [RatedTokens(TOKEN, True)] * liked + [RatedTokens(TOKEN, False)] * disliked
    weights = rating_weights(ratings)
    assert liked * weights[0] == pytest.approx(disliked * weights[1])
    assert max(weights) == 1


@given(disliked=st.integers(1, 50))
def test_dislikes_alone_have_full_weight(disliked: int) -> None:
    assert rating_weights([RatedTokens(TOKEN, False)] * disliked)[1] == 1
