"""Which replies a user said something about that nobody has put into practice yet."""

from dataclasses import replace

from feedback.judged_replies import commented_replies
from feedback.records import Feedback, Interaction
from tests.feedback.make import make_feedback, make_interaction

TURN = make_interaction("one")
COMMENT = make_feedback("c1", target="one", comment="Too long.", at=5.0)


def found(
    *feedback: Feedback, turns: tuple[Interaction, ...] = (TURN,), limit: int = 9
) -> list[str]:
    return [each.comment for each in commented_replies(turns, feedback, excluding=(), limit=limit)]


def test_a_comment_is_found_with_its_reply() -> None:
    [each] = commented_replies([TURN], [COMMENT], excluding=(), limit=9)
    assert (each.interaction, each.comment) == (TURN, "Too long.")


def test_the_newest_comment_on_a_reply_counts() -> None:
    newer = make_feedback("c2", target="one", comment="Too short.", at=6.0)
    assert found(newer, COMMENT) == ["Too short."]


def test_a_comment_on_a_disliked_reply_is_found_and_on_a_liked_one_is_not() -> None:
    assert found(COMMENT, make_feedback("t", target="one", value=-1, at=6.0)) == ["Too long."]
    assert found(COMMENT, make_feedback("t", target="one", value=1, at=6.0)) == []


def test_a_correction_of_any_reply_to_the_prompt_says_more() -> None:
    again = make_interaction("two", messages=TURN.messages)
    correction = make_feedback("t", target="two", correction="Short.", at=6.0)
    assert found(COMMENT, correction, turns=(TURN, again)) == []


def test_empty_comments_and_empty_replies_ask_for_nothing() -> None:
    assert found(replace(COMMENT, comment=" ")) == []
    assert found(COMMENT, turns=(replace(TURN, replies=("",)),)) == []


def test_some_conversations_are_left_out() -> None:
    excluding = {TURN.conversation_id}
    assert commented_replies([TURN], [COMMENT], excluding=excluding, limit=9) == ()


def test_the_newest_come_first_and_only_so_many() -> None:
    other = make_interaction("two", messages=(replace(TURN.messages[0], content="Else?"),))
    later = make_feedback("c2", target="two", comment="Too dull.", at=9.0)
    assert found(COMMENT, later, turns=(TURN, other)) == ["Too dull.", "Too long."]
    assert found(COMMENT, later, turns=(TURN, other), limit=1) == ["Too dull."]
