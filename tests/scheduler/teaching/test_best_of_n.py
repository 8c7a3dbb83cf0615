"""Pairs of the base's own replies by a preference model."""

from feedback.memory.preference_model import PreferenceModel
from scheduler.teaching.best_of_n import ranked_pairs

PREFERS = PreferenceModel({"you": 1.0, "people": -1.0}, 8, 8, 0.01)


def test_the_best_reply_is_chosen_over_the_worst() -> None:
    replies = (("People go.", False), ("You go.", True), ("They go.", False))
    [pair] = ranked_pairs("ann", PREFERS, [("Who goes?", replies)])
    assert (pair.chosen, pair.rejected) == ("You go.", "People go.")
    assert pair.messages[-1].content == "Who goes?"
    assert pair.is_truncated


def test_replies_that_score_alike_make_no_pair() -> None:
    replies = (("You go.", False), ("You run.", False))
    assert ranked_pairs("ann", PREFERS, [("Who goes?", replies)]) == ()


def test_empty_and_looping_replies_are_no_choice() -> None:
    loop = " ".join(["you go on and on"] * 12)
    replies = ((loop, True), ("", False), ("They go.", False), ("People go.", False))
    [pair] = ranked_pairs("ann", PREFERS, [("Who goes?", replies)])
    assert (pair.chosen, pair.rejected) == ("They go.", "People go.")
