"""Pairs of the base's own replies by a preference model."""

from feedback.memory.preference_model import PreferenceModel
from feedback.records import Message
from scheduler.augmentation.samples import Samples
from scheduler.served_model import Reply
from scheduler.teaching.best_of_n import ranked_pairs

CHAT = (Message("user", "Who goes?"),)
PREFERS = PreferenceModel({"you": 1.0, "people": -1.0}, 8, 8, 0.01)


def sampled(*texts: str) -> list[Samples]:
    return [Samples(CHAT, tuple(Reply(CHAT, text, is_truncated=True) for text in texts))]


def test_the_best_reply_is_chosen_over_the_worst() -> None:
    [pair] = ranked_pairs("ann", PREFERS, sampled("People go.", "You go.", "They go."))
    assert (pair.chosen, pair.rejected) == ("You go.", "People go.")
    assert pair.messages == CHAT
    assert pair.is_truncated


def test_replies_that_score_alike_make_no_pair() -> None:
    assert ranked_pairs("ann", PREFERS, sampled("You go.", "You run.")) == ()


def test_empty_and_looping_replies_are_no_choice() -> None:
    loop = " ".join(["you go on and on"] * 12)
    [pair] = ranked_pairs("ann", PREFERS, sampled(loop, "", "They go.", "People go."))
    assert (pair.chosen, pair.rejected) == ("They go.", "People go.")
