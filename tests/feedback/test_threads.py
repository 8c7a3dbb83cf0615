"""Which reply each turn of a chat continues."""

from dataclasses import replace

from feedback.records import Feedback, Interaction, Message
from feedback.threads import threaded

SYSTEM = Message("system", "Be brief.")


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


def turn(name: str, *messages: Message, reply: str = "yes") -> Interaction:
    return Interaction(
        id=name,
        user_id="ann",
        conversation_id="c",
        created_at=1.0,
        model="tiny",
        adapter="base",
        messages=messages,
        replies=(reply,),
        finish_reasons=("stop",),
        prompt_tokens=1,
        completion_tokens=1,
    )


def correction(target: str, text: str) -> Feedback:
    return Feedback("f", "ann", target, 1.0, 1.0, correction=text)


def parents(turns: list[Interaction], *feedback: Feedback) -> dict[str, str | None]:
    return {each.interaction.id: each.parent for each in threaded(turns, feedback)}


FIRST = turn("first", user("a"))


def test_a_turn_continues_the_reply_in_its_messages() -> None:
    again = turn("again", user("a"), reply="no")
    second = turn("second", user("a"), assistant("no"), user("b"))
    assert parents([FIRST, again, second]) == {"first": None, "again": None, "second": "again"}


def test_a_corrected_reply_is_known_by_its_correction() -> None:
    again = turn("again", user("a"), reply="no")
    second = turn("second", user("a"), assistant("better"), user("b"))
    assert parents([FIRST, again, second], correction("first", "better"))["second"] == "first"


def test_an_unknown_reply_to_the_same_messages_is_the_newest_one() -> None:
    again = turn("again", user("a"), reply="no")
    second = turn("second", user("a"), assistant("of an earlier correction"), user("b"))
    assert parents([FIRST, again, second])["second"] == "again"


def test_only_what_was_said_since_the_parent_is_returned() -> None:
    second = turn("second", user("a"), assistant("yes"), user("unanswered"), user("b"))
    assert threaded([FIRST, second], ())[1].messages == (user("unanswered"), user("b"))


def test_a_shortened_chat_goes_on_where_it_was() -> None:
    second = turn("second", user("a"), assistant("yes"), user("b"), reply="of course")
    third = turn("third", user("b"), assistant("of course"), user("c"))
    assert parents([FIRST, second, third])["third"] == "second"


def test_a_turn_may_name_its_parent() -> None:
    alone = replace(turn("alone", user("b")), metadata={"parent": "first"})
    found = threaded([FIRST, turn("other", user("c")), alone], ())
    assert (found[2].parent, found[2].messages) == ("first", (user("b"),))


def test_a_parent_that_is_not_in_the_chat_is_ignored() -> None:
    second = turn("second", user("a"), assistant("yes"), user("b"))
    assert parents([FIRST, replace(second, metadata={"parent": "x"})])["second"] == "first"


def test_without_its_parent_a_turn_has_all_messages() -> None:
    alone = turn("alone", user("a"), assistant("yes"), user("b"))
    assert threaded([alone], ())[0].messages == alone.messages


def test_a_new_system_message_does_not_cut_the_thread() -> None:
    second = turn("second", SYSTEM, user("a"), assistant("yes"), user("b"))
    found = threaded([replace(FIRST, messages=(user("a"),)), second], ())
    assert (found[1].parent, found[1].messages) == ("first", (user("b"),))
