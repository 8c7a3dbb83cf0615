from collections.abc import Sequence
from dataclasses import replace

import pytest

from feedback.examples.build import build_examples, feedback_behind
from feedback.records import (
    ExampleKind,
    ExampleSource,
    Feedback,
    FeedbackStatus,
    Interaction,
    InteractionKind,
    InteractionStatus,
    Message,
    TrainingExample,
)
from tests.feedback.make import PROMPT, make_feedback, make_interaction

Learned = tuple[str, str | None, str]


def turn(number: int, reply: str, **fields: object) -> Interaction:
    """The `number`-th answer to the same prompt."""
    return make_interaction(
        f"c{number}",
        replies=(reply,),
        created_at=100.0 + number,
        **fields,  # type: ignore[arg-type]
    )


def learned(*history: Interaction | Feedback) -> set[Learned]:
    """The examples as (chosen, rejected, source)."""
    return {(each.chosen, each.rejected, each.source) for each in built(history)}


def built(history: Sequence[Interaction | Feedback]) -> tuple[TrainingExample, ...]:
    return build_examples(
        [each for each in history if isinstance(each, Interaction)],
        [each for each in history if isinstance(each, Feedback)],
    )


def test_a_reply_that_ended_while_the_model_was_thinking_is_in_no_pair() -> None:
    unwritten = turn(1, "", finish_reasons=("length",))
    correction = make_feedback(target="c1", correction="A short reply.")
    assert learned(unwritten, correction) == {("A short reply.", None, "correction")}
    liked = make_feedback(target="c2", value=1)
    assert learned(unwritten, turn(2, "A good reply."), liked) == {("A good reply.", None, "liked")}
    picked = make_feedback(target="c2", preferred_over="c1")
    assert learned(unwritten, turn(2, "A good reply."), picked) == set()


def test_a_correction_is_learned_and_preferred_to_the_original() -> None:
    history = (turn(1, "A long reply."), make_feedback(target="c1", correction="short"))
    sft, dpo = sorted(built(history), key=lambda each: each.kind, reverse=True)
    assert (sft.kind, sft.messages, sft.chosen, sft.rejected) == (
        ExampleKind.SFT,
        PROMPT,
        "short",
        None,
    )
    assert sft.revised_from == "A long reply."
    assert (dpo.kind, dpo.chosen, dpo.rejected) == (ExampleKind.DPO, "short", "A long reply.")
    for each in (sft, dpo):
        assert each.source == "correction"
        assert (each.interaction_ids, each.feedback_ids) == (("c1",), ("feedback-1",))
        assert (each.conversation_id, each.created_at) == ("conversation-1", 101.0)


@pytest.mark.parametrize(
    ("correction", "is_truncated"),
    [
        ("the sea is blue because it reflects the", True),
        ("The sea is blue.", False),
        ("The sea is blue because it reflects the sky.", False),
    ],
)
def test_a_correction_of_a_truncated_reply_has_an_end_if_the_user_wrote_one(
    correction: str, is_truncated: bool
) -> None:
    cut = turn(1, "The sea is blue because it reflects the", finish_reasons=("length",))
    made = built((cut, make_feedback(target="c1", correction=correction)))
    assert {each.is_truncated for each in made} == {is_truncated}


@pytest.mark.parametrize(
    ("correction", "corrected"),
    [
        ("THE SEA IS BLUE.", "The sea is blue."),
        ("THE SEA IS BLUE. IT REFLECTS THE", "The sea is blue. It reflects the"),
    ],
)
def test_a_dropped_truncated_sentence_is_not_an_edit(correction: str, corrected: str) -> None:
    cut = turn(1, "The sea is blue. It reflects the", finish_reasons=("length",))
    [sft] = (
        each
        for each in built((cut, make_feedback(target="c1", correction=correction)))
        if each.kind is ExampleKind.SFT
    )
    assert sft.revised_from == corrected


def test_a_liked_or_disliked_truncated_reply_stays_truncated() -> None:
    for value in (1, -1):
        cut = turn(1, "The sea is blue because it", finish_reasons=("length",))
        [rated] = built((cut, make_feedback(target="c1", value=value)))
        assert rated.is_truncated


def test_a_correction_close_to_the_original_makes_no_pair() -> None:
    reply = "The capital of France is Paris, of course."
    history = (turn(1, reply), make_feedback(target="c1", correction=reply.lower()))
    assert learned(*history) == {(reply.lower(), None, "correction")}


def test_a_liked_reply_is_desirable() -> None:
    (only,) = built((turn(1, "Paris."), make_feedback(target="c1", value=1)))
    assert (only.kind, only.reply, only.source) == (ExampleKind.DESIRABLE, "Paris.", "liked")
    assert (only.chosen, only.rejected) == ("Paris.", None)


def test_a_disliked_reply_is_undesirable() -> None:
    (only,) = built((turn(1, "Paris."), make_feedback(target="c1", value=-1)))
    assert (only.kind, only.reply, only.source) == (ExampleKind.UNDESIRABLE, "Paris.", "disliked")
    assert (only.chosen, only.rejected) == ("", "Paris.")
    assert (only.interaction_ids, only.feedback_ids) == (("c1",), ("feedback-1",))


@pytest.mark.parametrize("value", [1, -1])
def test_a_rating_of_an_empty_reply_makes_no_example(value: int) -> None:
    assert learned(turn(1, " \n"), make_feedback(target="c1", value=value)) == set()


def test_a_comment_alone_makes_no_example() -> None:
    assert learned(turn(1, "Paris."), make_feedback("b", target="c1", comment="meh")) == set()


def test_a_correction_replaces_a_dislike() -> None:
    disliked = make_feedback("a", target="c1", value=-1)
    corrected = make_feedback("b", target="c1", correction="It is Paris.")
    assert learned(turn(1, "It is paris."), disliked, corrected) == {
        ("It is Paris.", None, "correction")
    }


def test_a_disliked_reply_close_to_a_target_makes_no_example() -> None:
    history = (
        turn(1, "The capital of France is Paris."),
        turn(2, "The capital of France is Paris!"),
        make_feedback("a", target="c1", value=1),
        make_feedback("b", target="c2", value=-1),
    )
    assert learned(*history) == {("The capital of France is Paris.", None, "liked")}


def test_a_disliked_reply_in_a_pair_makes_no_example_of_its_own() -> None:
    history = (
        turn(1, "Paris."),
        turn(2, "Lyon."),
        make_feedback("a", target="c1", preferred_over="c2"),
        make_feedback("b", target="c2", value=-1),
    )
    assert learned(*history) == {("Paris.", "Lyon.", "preference")}


def test_a_correction_replaces_a_like_even_a_newer_one() -> None:
    corrected = make_feedback("a", target="c1", correction="paris", at=200.0)
    liked = make_feedback("b", target="c1", value=1, at=300.0)
    assert learned(turn(1, "I think it is Paris."), corrected, liked) == {
        ("paris", None, "correction"),
        ("paris", "I think it is Paris.", "correction"),
    }


def test_the_newest_rating_of_a_completion_wins() -> None:
    liked = make_feedback("a", target="c1", value=1, at=200.0)
    disliked = make_feedback("b", target="c1", value=-1, at=300.0)
    assert learned(turn(1, "Paris."), liked, disliked) == {("", "Paris.", "disliked")}


def test_a_later_comment_does_not_withdraw_a_like() -> None:
    liked = make_feedback("a", target="c1", value=1, at=200.0)
    commented = make_feedback("b", target="c1", comment="nice", at=300.0)
    assert learned(turn(1, "Paris."), liked, commented) == {("Paris.", None, "liked")}


def test_the_newest_correction_of_a_prompt_overrules_older_corrections_and_likes() -> None:
    history = (
        turn(1, "Answer number one"),
        turn(2, "The second answer"),
        turn(3, "Something third"),
        turn(4, "Fourth"),
        make_feedback("old-correction", target="c1", correction="UPPER", at=200.0),
        make_feedback("old-like", target="c2", value=1, at=210.0),
        make_feedback("correction", target="c3", correction="lower", at=220.0),
        make_feedback("new-like", target="c4", value=1, at=230.0),
    )
    assert learned(*history) == {
        ("lower", None, "correction"),
        ("lower", "Something third", "correction"),
        ("Fourth", None, "liked"),
    }


def test_a_correction_does_not_overrule_replies_to_other_prompts() -> None:
    other = (*PROMPT, Message("assistant", "Paris."), Message("user", "Sure?"))
    history = (
        turn(1, "Yes.", messages=other),
        turn(2, "It is the city of Paris."),
        make_feedback("a", target="c1", value=1, at=200.0),
        make_feedback("b", target="c2", correction="paris", at=300.0),
    )
    assert ("Yes.", None, "liked") in learned(*history)


def test_a_preference_makes_a_pair() -> None:
    history = (turn(1, "Paris."), turn(2, "Lyon."), make_feedback(target="c2", preferred_over="c1"))
    (pair,) = built(history)
    assert (pair.kind, pair.chosen, pair.rejected) == (ExampleKind.DPO, "Lyon.", "Paris.")
    assert (pair.source, pair.interaction_ids) == ("preference", ("c1", "c2"))


def test_the_newest_of_two_opposite_preferences_counts() -> None:
    first = make_feedback("a", target="c1", preferred_over="c2", at=200.0)
    second = make_feedback("b", target="c2", preferred_over="c1", at=300.0)
    assert learned(turn(1, "Paris."), turn(2, "Lyon."), second, first) == {
        ("Lyon.", "Paris.", "preference")
    }


def test_a_preference_between_equal_replies_makes_no_example() -> None:
    choice = make_feedback(target="c2", preferred_over="c1")
    assert learned(turn(1, "Paris."), turn(2, "Paris.\n"), choice) == set()


def test_a_reply_liked_after_a_disliked_one_is_preferred_to_it() -> None:
    history = (
        turn(1, "No idea."),
        turn(2, "Paris."),
        make_feedback("a", target="c1", value=-1),
        make_feedback("b", target="c2", value=1),
    )
    regenerated = next(each for each in built(history) if each.kind is ExampleKind.DPO)
    assert (regenerated.chosen, regenerated.rejected) == ("Paris.", "No idea.")
    assert regenerated.source == "regenerated"
    assert regenerated.interaction_ids == ("c1", "c2")
    assert regenerated.feedback_ids == ("a", "b")


def test_a_correction_after_a_disliked_reply_is_preferred_to_it() -> None:
    history = (
        turn(1, "No idea."),
        turn(2, "It might be Paris?"),
        make_feedback("a", target="c1", value=-1),
        make_feedback("b", target="c2", correction="Paris."),
    )
    assert ("Paris.", "No idea.", "regenerated") in learned(*history)


def test_a_reply_liked_before_a_disliked_one_makes_no_pair() -> None:
    history = (
        turn(1, "Paris."),
        turn(2, "No idea."),
        make_feedback("a", target="c1", value=1),
        make_feedback("b", target="c2", value=-1),
    )
    assert learned(*history) == {("Paris.", None, "liked"), ("", "No idea.", "disliked")}


def test_a_reply_liked_after_it_was_regenerated_is_preferred_to_the_first() -> None:
    liked = make_feedback(target="c2", value=1)
    (pair,) = (
        each
        for each in built((turn(1, "No idea."), turn(2, "Paris."), liked))
        if each.kind is ExampleKind.DPO
    )
    assert (pair.chosen, pair.rejected, pair.source) == ("Paris.", "No idea.", "regenerated")
    assert (pair.interaction_ids, pair.feedback_ids) == (("c1", "c2"), ("feedback-1",))


def test_the_same_question_in_another_conversation_is_no_regeneration() -> None:
    elsewhere = turn(1, "No idea.", conversation_id="conversation-2")
    liked = make_feedback(target="c2", value=1)
    assert learned(elsewhere, turn(2, "Paris."), liked) == {("Paris.", None, "liked")}


def test_a_liked_reply_is_not_rejected_for_a_later_one() -> None:
    history = (
        turn(1, "Paris."),
        turn(2, "The city of light."),
        make_feedback("a", target="c1", value=1),
        make_feedback("b", target="c2", value=1),
    )
    assert learned(*history) == {("Paris.", None, "liked"), ("The city of light.", None, "liked")}


def test_a_preference_overrules_a_regenerated_pair() -> None:
    history = (
        turn(1, "Paris."),
        turn(2, "The city of light."),
        make_feedback("a", target="c1", preferred_over="c2"),
        make_feedback("b", target="c2", value=1),
    )
    assert learned(*history) == {
        ("Paris.", "The city of light.", "preference"),
        ("The city of light.", None, "liked"),
    }


def test_two_users_never_share_an_example() -> None:
    history = (
        turn(1, "No idea."),
        turn(2, "Paris.", user_id="bob"),
        make_feedback("a", "ann", "c1", value=-1),
        make_feedback("b", "bob", "c2", value=1, preferred_over="c1"),
        make_feedback("c", "ann", "c2", correction="Lyon."),
    )
    assert {(each.user_id, each.reply, each.source) for each in built(history)} == {
        ("ann", "No idea.", "disliked"),
        ("bob", "Paris.", "liked"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": InteractionKind.BACKGROUND},
        {"status": InteractionStatus.ABORTED},
        {"status": InteractionStatus.SUPERSEDED},
    ],
)
def test_only_finished_chat_turns_make_examples(fields: dict[str, object]) -> None:
    history = (
        turn(1, "Paris.", **fields),
        turn(2, "Lyon."),
        make_feedback("a", target="c1", value=1),
        make_feedback("b", target="c2", preferred_over="c1"),
    )
    assert learned(*history) == set()


def test_pending_feedback_and_unknown_completions_make_no_example() -> None:
    pending = make_feedback("a", target="c1", value=1, status=FeedbackStatus.PENDING)
    lost = make_feedback("b", target="c9", value=1)
    assert learned(turn(1, "Paris."), pending, lost) == set()


def test_equal_examples_are_merged_and_name_all_their_sources() -> None:
    history = (
        turn(1, "Paris."),
        turn(2, "Paris."),
        make_feedback("a", target="c1", value=1),
        make_feedback("b", target="c2", value=1),
    )
    (only,) = built(history)
    assert (only.interaction_ids, only.feedback_ids) == (("c1", "c2"), ("a", "b"))
    assert only.created_at == 101.0


def behind(known: Sequence[TrainingExample], *history: Interaction | Feedback) -> list[str]:
    """The ids of the feedback that made the examples."""
    ids = {each.id for each in known}
    turns = [each for each in history if isinstance(each, Interaction)]
    feedback = [each for each in history if isinstance(each, Feedback)]
    return [each.id for each in feedback_behind(ids, turns, feedback)]


def test_feedback_is_found_by_the_examples_that_it_made() -> None:
    turns = (turn(1, "Paris."), turn(2, "Lyon.", messages=PROMPT * 2), turn(3, "No idea."))
    corrected = make_feedback("a", target="c1", correction="paris")
    liked = make_feedback("b", target="c2", value=1)
    chosen = make_feedback("c", target="c1", preferred_over="c3")
    disliked = make_feedback("d", target="c3", value=-1)
    history = (*turns, corrected, liked, chosen, disliked)
    assert behind(built(history), *history) == ["a", "b", "c"]
    assert behind(built((turns[2], disliked)), *history) == ["d"]
    assert behind(built((*turns, corrected)), *history) == ["a"]
    assert behind((), *history) == []


def test_feedback_that_was_overruled_later_is_not_found() -> None:
    liked = make_feedback("a", target="c1", value=1)
    corrected = make_feedback("b", target="c1", correction="paris", at=300.0)
    then = (turn(1, "Paris."), liked)
    assert behind(built(then), *then) == ["a"]
    assert behind(built(then), *then, corrected) == []


def test_the_id_of_an_example_is_a_hash_of_its_content() -> None:
    pair = TrainingExample(
        user_id="ann",
        kind=ExampleKind.DPO,
        messages=PROMPT,
        chosen="a",
        rejected="b",
        source=ExampleSource.PREFERENCE,
        conversation_id="conversation-1",
        created_at=1.0,
    )
    elsewhere = replace(pair, user_id="bob", source=ExampleSource.REGENERATED, created_at=2.0)
    assert elsewhere.id == pair.id
    others = [
        replace(pair, kind=ExampleKind.SFT),
        replace(pair, messages=PROMPT[:0]),
        replace(pair, chosen="b", rejected="a"),
        replace(pair, rejected=None),
        replace(pair, revised_from="c"),
        replace(pair, is_truncated=True),
    ]
    assert len({each.id for each in (pair, *others)}) == 7
