"""Synthetic examples made by the rules behind corrections."""

from hypothesis import given
from hypothesis import strategies as st

from feedback.examples.dataset import build_dataset, with_synthetic
from feedback.examples.synthetic import synthetic_examples
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learn_rules
from tests.scheduler.training import make_example

REPLIES = [
    ("Why is the sky blue?", "The Sun sends light of all colours. Blue is scattered most."),
    ("How do I tie a tie?", "Cross the wide end over. Then pull it through the loop, and tighten"),
    ("Say hi.", "hi there, friend."),
]


def corrected(name: str, original: str, revised: str) -> TrainingExample:
    return make_example(f"question {name}?", revised, revised_from=original)


LOWER = [corrected(str(i), text, text.lower()) for i, (_, text) in enumerate(REPLIES[:2])]
LOWER_CASE = (Rule("case", "lower"),)


def test_a_learned_rule_is_applied_to_other_replies() -> None:
    assert active_rules(learn_rules(LOWER), []) == LOWER_CASE
    [first, _] = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert first.messages[-1].content == "Why is the sky blue?"
    assert first.chosen == "the sun sends light of all colours. blue is scattered most."
    assert first.revised_from == REPLIES[0][1]
    assert (first.user_id, first.source) == ("ann", ExampleSource.SYNTHETIC)


def test_replies_that_the_rules_change_most_come_first() -> None:
    names = ("Name three friends.", "Ann, Ben, Eve.")
    [first, *_] = synthetic_examples("ann", LOWER_CASE, [*REPLIES, names], 8)
    assert first.chosen == "ann, ben, eve."


def test_a_truncated_sentence_is_removed() -> None:
    [_, second] = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert second.chosen == "cross the wide end over."
    assert second.is_truncated


def test_a_complete_reply_and_one_that_a_rule_closes_are_not_truncated() -> None:
    [whole, _] = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert not whole.is_truncated
    closing = (Rule("closing", " Bye!"),)
    assert {each.is_truncated for each in synthetic_examples("ann", closing, REPLIES, 8)} == {False}


def test_a_truncated_reply_that_a_rule_shortens_is_not_truncated() -> None:
    cut = "Cross the wide end over. Then pull it through. Now tighten it, and"
    [made] = synthetic_examples("ann", (Rule("most sentences", "1"),), [("A tie?", cut)], 8)
    assert made.chosen == "Cross the wide end over."
    assert not made.is_truncated


def test_a_reply_that_follows_the_rules_is_skipped() -> None:
    made = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert "Say hi." not in [each.messages[-1].content for each in made]


def test_corrections_without_a_rule_make_no_synthetic_examples() -> None:
    fact = corrected("fact", "Rome was founded in 1200.", "Rome was founded in 753 BC.")
    assert synthetic_examples("ann", active_rules(learn_rules([fact]), []), REPLIES, 8) == ()


def test_liked_replies_alone_show_no_rule() -> None:
    assert learn_rules([make_example("question", "all lower case, and liked")]) == ()


@given(count=st.integers(0, 4))
def test_there_are_at_most_count_synthetic_examples(count: int) -> None:
    made = synthetic_examples("ann", LOWER_CASE, REPLIES, count)
    assert len(made) == min(count, 2)


def test_synthetic_examples_join_the_training_examples_and_change_the_hash() -> None:
    dataset = build_dataset("ann", LOWER)
    synthetic = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    extended = with_synthetic(dataset, synthetic)
    assert extended.train == synthetic + dataset.train
    assert extended.held_out == dataset.held_out
    assert extended.content_hash != dataset.content_hash
    assert with_synthetic(extended, synthetic) == extended
