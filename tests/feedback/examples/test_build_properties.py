import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.examples.build import (
    build_examples,
    feedback_behind,
    possible_ids,
    rated_examples,
)
from feedback.records import ExampleKind, Feedback, Interaction
from tests.feedback.strategies import feedback_lists, interactions

HISTORIES = (interactions(), feedback_lists())
few = settings(max_examples=40)  # drawing a history takes longer than looking at it


@few
@given(*HISTORIES, st.integers())
def test_the_order_of_the_input_does_not_matter(
    turns: list[Interaction], feedback: list[Feedback], seed: int
) -> None:
    expected = build_examples(turns, feedback)
    random.Random(seed).shuffle(turns)
    random.Random(seed).shuffle(feedback)
    assert build_examples(turns, feedback) == expected


@few
@given(*HISTORIES)
def test_examples_are_ordered_and_distinct(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    made = build_examples(turns, feedback)
    keys = [(each.created_at, each.id) for each in made]
    assert keys == sorted(keys)
    assert len({(each.user_id, each.id) for each in made}) == len(made)


@few
@given(*HISTORIES)
def test_every_example_names_learnable_sources_of_its_own_user(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    learnable = {each.id: each for each in turns if each.is_learnable}
    for each in build_examples(turns, feedback):
        sources = [learnable[name] for name in each.interaction_ids]
        assert {source.user_id for source in sources} == {each.user_id}
        assert {source.messages for source in sources} == {each.messages}
        assert {(each.user_id, name) for name in each.feedback_ids} <= {
            (item.user_id, item.id) for item in feedback
        }


@few
@given(*HISTORIES)
def test_an_example_is_well_formed(turns: list[Interaction], feedback: list[Feedback]) -> None:
    for each in build_examples(turns, feedback):
        is_single = each.kind in (ExampleKind.SFT, ExampleKind.DESIRABLE)
        assert (each.rejected is None) == is_single
        assert (each.revised_from is not None) == (each.kind is ExampleKind.SFT)
        if each.kind is ExampleKind.UNDESIRABLE:
            assert each.chosen == ""
        assert each.chosen != each.rejected
        assert each.reply in (each.chosen, each.rejected)


@few
@given(*HISTORIES)
def test_no_reply_is_both_a_target_and_undesirable(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    made = build_examples(turns, feedback)
    unwanted = {
        (each.user_id, each.messages, each.reply)
        for each in made
        if each.kind is ExampleKind.UNDESIRABLE
    }
    assert not unwanted & {(each.user_id, each.messages, each.chosen) for each in made}


@few
@given(*HISTORIES)
def test_the_examples_of_a_user_do_not_depend_on_other_users(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    alone = build_examples(
        [each for each in turns if each.user_id == "ann"],
        [each for each in feedback if each.user_id == "ann"],
    )
    together = build_examples(turns, feedback)
    assert alone == tuple(each for each in together if each.user_id == "ann")


@few
@given(*HISTORIES)
def test_a_missing_interaction_is_in_no_example(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    gone = {each.id for each in turns[:1]}
    left = build_examples(turns[1:], feedback)
    assert not any(gone & set(each.interaction_ids) for each in left)


@few
@given(*HISTORIES)
def test_the_feedback_behind_single_replies_includes_all_that_they_name(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    # A pair can be merged with an equal regenerated one, and then names its feedback, too.
    made = [each for each in build_examples(turns, feedback) if each.kind is not ExampleKind.DPO]
    named = {(each.user_id, name) for each in made for name in each.feedback_ids}
    behind = feedback_behind({each.id for each in made}, turns, feedback)
    assert named <= {(each.user_id, each.id) for each in behind}


@few
@given(*HISTORIES)
def test_rated_examples_are_the_examples_that_compare_no_texts(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    compared = ("regenerated", "correction")
    made = [
        each
        for each in build_examples(turns, feedback)
        if each.kind is not ExampleKind.DPO or each.source not in compared
    ]
    rated = rated_examples(turns, feedback)
    assert {each.id for each in made} <= {each.id for each in rated}
    more = {each.kind for each in rated} - {each.kind for each in made}
    assert more <= {ExampleKind.UNDESIRABLE}


@few
@given(*HISTORIES)
def test_every_example_is_possible(turns: list[Interaction], feedback: list[Feedback]) -> None:
    made = {each.id for each in build_examples(turns, feedback)}
    assert made <= possible_ids(turns, feedback)


@few
@given(*HISTORIES, st.integers(0, 7))
def test_new_feedback_takes_away_no_example_but_a_pair_with_a_reply_that_it_rates(
    turns: list[Interaction], feedback: list[Feedback], number: int
) -> None:
    new = [each for each in feedback if each.id == f"f{number}"]
    rated = {each.completion_id for each in new}
    before = [each for each in feedback if each not in new]
    others = [each for each in turns if each.id not in rated]
    assert possible_ids(others, before) <= possible_ids(turns, feedback)
    comments = [replace(each, value=None, correction=None, preferred_over=None) for each in new]
    assert possible_ids(turns, before) == possible_ids(turns, [*before, *comments])
