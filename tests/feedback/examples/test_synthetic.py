"""Practice on the rules behind corrections."""

from hypothesis import given
from hypothesis import strategies as st

from feedback.examples.dataset import build_dataset, with_synthetic
from feedback.examples.synthetic import synthetic_examples
from feedback.records import ExampleSource, TrainingExample
from feedback.rules.rule import Rule
from feedback.rules.user_rules import active_rules, learned_rules_of
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


def test_the_rule_behind_the_corrections_is_practised_on_other_replies() -> None:
    assert active_rules(learned_rules_of(LOWER), []) == LOWER_CASE
    [first, _] = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert first.prompt[-1].content == "Why is the sky blue?"
    assert first.chosen == "the sun sends light of all colours. blue is scattered most."
    assert first.revised_from == REPLIES[0][1]
    assert (first.user_id, first.source) == ("ann", ExampleSource.SYNTHETIC)


def test_replies_that_the_rules_change_most_come_first() -> None:
    names = ("Name three friends.", "Ann, Ben, Eve.")
    [first, *_] = synthetic_examples("ann", LOWER_CASE, [*REPLIES, names], 8)
    assert first.chosen == "ann, ben, eve."


def test_a_sentence_that_was_cut_off_is_left_out() -> None:
    [_, second] = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert second.chosen == "cross the wide end over."
    assert second.is_truncated


def test_the_end_of_a_whole_reply_and_one_that_a_rule_writes_are_practised() -> None:
    [whole, _] = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert not whole.is_truncated
    closing = (Rule("closing", " Bye!"),)
    assert {each.is_truncated for each in synthetic_examples("ann", closing, REPLIES, 8)} == {False}


def test_a_reply_that_a_rule_shortens_ends_whatever_was_cut_off_behind_it() -> None:
    cut = "Cross the wide end over. Then pull it through. Now tighten it, and"
    [made] = synthetic_examples("ann", (Rule("most sentences", "1"),), [("A tie?", cut)], 8)
    assert made.chosen == "Cross the wide end over."
    assert not made.is_truncated


def test_a_reply_that_follows_the_rules_already_is_passed_over() -> None:
    made = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    assert "Say hi." not in [each.prompt[-1].content for each in made]


def test_corrections_without_a_rule_give_no_practice() -> None:
    fact = corrected("fact", "Rome was founded in 1200.", "Rome was founded in 753 BC.")
    assert synthetic_examples("ann", active_rules(learned_rules_of([fact]), []), REPLIES, 8) == ()


def test_liked_replies_teach_no_rule() -> None:
    assert learned_rules_of([make_example("question", "all lower case, and liked")]) == ()


@given(count=st.integers(0, 4))
def test_no_more_is_practised_than_asked_for(count: int) -> None:
    made = synthetic_examples("ann", LOWER_CASE, REPLIES, count)
    assert len(made) == min(count, 2)


def test_practice_joins_the_training_rows_and_changes_the_hash() -> None:
    dataset = build_dataset("ann", LOWER)
    practice = synthetic_examples("ann", LOWER_CASE, REPLIES, 8)
    practised = with_synthetic(dataset, practice)
    assert practised.train == practice + dataset.train
    assert practised.held_out == dataset.held_out
    assert practised.content_hash != dataset.content_hash
    assert with_synthetic(practised, practice) == practised
