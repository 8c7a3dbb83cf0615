from collections.abc import Mapping

from feedback.memory.demonstrations import (
    MAX_CHARACTERS,
    build_memory,
    select_memory,
    with_memory,
    without_learned,
)
from feedback.records import Demonstration, Memory, Message
from tests.feedback.make import make_feedback, make_interaction

QUESTION = Message("user", "And now?")


def demonstration(name: str, at: float, *, is_corrected: bool = True) -> Demonstration:
    return Demonstration(name, f"{name}?", f"{name}.", is_corrected, at)


def chosen(
    *demonstrations: Demonstration,
    relevance: Mapping[str, float] | None = None,
    budget: int = 1000,
    most: int = 2,
) -> list[str]:
    memory = select_memory(
        Memory(demonstrations),
        relevance or {},
        budget=budget,
        max_demonstrations=most,
        count=len,
    )
    return [each.example_id for each in memory.demonstrations]


def test_a_correction_and_a_comment_join_the_memory() -> None:
    memory = build_memory(
        [make_interaction()],
        [make_feedback(correction="paris", comment=" lower case, please ", at=7.0)],
    )
    (held,) = memory.demonstrations
    assert (held.question, held.reply) == ("What is the capital of France?", "paris")
    assert (held.is_corrected, held.feedback_at) == (True, 7.0)
    assert memory.notes == ("lower case, please",)


def test_a_liked_reply_joins_the_memory_unchanged() -> None:
    (held,) = build_memory([make_interaction()], [make_feedback(value=1)]).demonstrations
    assert (held.reply, held.is_corrected) == ("The capital of France is Paris.", False)


def test_a_reply_that_fits_no_prompt_does_not_join_the_memory() -> None:
    memory = build_memory([make_interaction()], [make_feedback(correction="x" * MAX_CHARACTERS)])
    assert memory.demonstrations == ()


def test_dislikes_and_aborted_turns_do_not_join_the_memory() -> None:
    turns = [make_interaction("a"), make_interaction("b", status="aborted")]
    feedback = [
        make_feedback("1", target="a", value=-1),
        make_feedback("2", target="b", correction="better"),
    ]
    assert build_memory(turns, feedback).demonstrations == ()


def test_the_newest_correction_of_a_prompt_overrules_the_older_one() -> None:
    turns = [make_interaction("a"), make_interaction("b")]
    feedback = [
        make_feedback("1", target="a", correction="PARIS", at=1.0),
        make_feedback("2", target="b", correction="paris", at=2.0),
    ]
    assert [each.reply for each in build_memory(turns, feedback).demonstrations] == ["paris"]


def test_notes_are_the_newest_first_and_each_once() -> None:
    turns = [make_interaction(name) for name in "abc"]
    comments = {"a": "shorter", "b": "in French", "c": "shorter"}
    feedback = [
        make_feedback(name, target=name, comment=comment, at=float(at))
        for at, (name, comment) in enumerate(comments.items())
    ]
    assert build_memory(turns, feedback).notes == ("shorter", "in French")


def test_learned_examples_are_removed() -> None:
    memory = Memory((demonstration("old", 1), demonstration("new", 2)), ("a note",))
    assert without_learned(memory, {"old"}) == Memory((demonstration("new", 2),), ("a note",))


def test_a_reply_that_the_conversation_contains_is_removed() -> None:
    memory = Memory((demonstration("said", 1),))
    assert without_learned(memory, (), [Message("assistant", "said.")]) == Memory()


def test_the_newest_correction_is_always_selected() -> None:
    old = [demonstration(name, at) for at, name in enumerate("abcd")]
    newest = demonstration("new", 10)
    assert chosen(*old, newest, relevance={"b": 9.0}) == ["b", "new"]


def test_without_matches_the_newest_corrections_are_selected() -> None:
    assert chosen(*[demonstration(name, at) for at, name in enumerate("abcd")]) == ["c", "d"]


def test_a_liked_reply_is_selected_only_if_it_matches_and_after_corrections() -> None:
    liked = [demonstration(name, 5, is_corrected=False) for name in ("match", "other")]
    assert chosen(*liked, relevance={"match": 1.0}) == ["match"]
    corrected = [demonstration(name, 1) for name in ("a", "b")]
    assert chosen(*liked, *corrected, relevance={"match": 1.0}) == ["a", "b"]


def test_the_same_exchange_is_selected_once() -> None:
    corrected = demonstration("x", 1)
    liked = Demonstration("y", corrected.question, corrected.reply, False, 2)
    assert chosen(corrected, liked, relevance={"y": 1.0}) == ["x"]


def test_an_item_that_does_not_fit_is_skipped() -> None:
    long = Demonstration("long", "?", "long " * 50, True, 9)
    assert chosen(long, demonstration("short", 1), budget=20) == ["short"]


def test_notes_take_at_most_half_of_the_budget() -> None:
    memory = Memory((demonstration("a", 1),), ("n" * 40, "m" * 20))
    taken = select_memory(memory, {}, budget=60, max_demonstrations=1, count=len)
    assert taken.notes == ("m" * 20,)
    assert taken.demonstrations == memory.demonstrations


def test_demonstrations_come_between_the_system_message_and_the_conversation() -> None:
    system = Message("system", "Be kind.")
    earlier = (Message("user", "Hi"), Message("assistant", "Hello"))
    memory = Memory((demonstration("a", 1), demonstration("b", 2)))
    assert with_memory((system, *earlier, QUESTION), memory) == (
        system,
        Message("user", "a?"),
        Message("assistant", "a."),
        Message("user", "b?"),
        Message("assistant", "b."),
        *earlier,
        QUESTION,
    )


def test_notes_follow_the_last_question_the_newest_last() -> None:
    memory = Memory(notes=("shorter", "in French"))
    earlier = (Message("user", "Hi"), Message("assistant", "Hello"))
    asked = Message("user", f"{QUESTION.content}\n\nin French\nshorter")
    assert with_memory((QUESTION,), memory) == (asked,)
    assert with_memory((*earlier, QUESTION), memory) == (*earlier, asked)


def test_messages_without_a_user_turn_do_not_change() -> None:
    messages = (Message("system", "Be kind."),)
    assert with_memory(messages, Memory((demonstration("a", 1),), ("shorter",))) == messages
