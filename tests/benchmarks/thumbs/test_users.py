"""Users who only press thumbs like what they wish for, and no empty reply or loop."""

import pytest

from tests.benchmarks.learning.texts import is_sound
from tests.benchmarks.thumbs.users import USERS, ThumbsUser

LIKED = {
    "short": "Boil the water, then pour it over the leaves. Wait for four minutes.",
    "prose": "First boil the water. Then pour it over the leaves, and wait. Tea is ready then.",
    "lists": "You need:\n\n- water\n- leaves\n- a cup",
    "direct": "Boil your water first. Then you pour it over the leaves.",
    "no-preamble": "Boil the water, then pour it over the leaves.",
}
DISLIKED = {
    "short": (
        "Tea is made in several steps, and each of them needs some care. First you fill a kettle"
        " with cold water and put it on the stove until it boils. Meanwhile you warm the pot, and"
        " put one spoon of leaves into it for everybody who wants a cup, and one for the pot."
        " Then you pour the water over the leaves and wait."
    ),
    "prose": "Make it so:\n\n1. Boil the water.\n2. Pour it over the leaves.",
    "lists": "You need water, leaves and a cup.",
    "direct": "Water is boiled and poured over the leaves.",
    "no-preamble": "Certainly! Here are the steps: boil the water, then pour it over the leaves.",
}

every = pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)


@every
def test_a_user_likes_what_they_wish_for(user: ThumbsUser) -> None:
    assert user.likes(LIKED[user.name])


@every
def test_a_user_dislikes_other_replies(user: ThumbsUser) -> None:
    assert is_sound(DISLIKED[user.name])
    assert not user.likes(DISLIKED[user.name])


@every
def test_no_user_likes_an_empty_reply_or_a_loop(user: ThumbsUser) -> None:
    assert not user.likes(" ")
    assert not user.likes(" ".join([LIKED[user.name]] * 12))
