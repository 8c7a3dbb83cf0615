"""The replies with comments that no correction or like has answered."""

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


def test_a_comment_on_a_disliked_reply_is_found_but_not_on_a_liked_one() -> None:
    assert found(COMMENT, make_feedback("t", target="one", value=-1, at=6.0)) == ["Too long."]
    assert found(COMMENT, make_feedback("t", target="one", value=1, at=6.0)) == []


def test_a_prompt_with_a_corrected_reply_is_skipped() -> None:
    again = make_interaction("two", messages=TURN.messages)
    correction = make_feedback("t", target="two", correction="Short.", at=6.0)
    assert found(COMMENT, correction, turns=(TURN, again)) == []


def test_empty_comments_and_empty_replies_are_skipped() -> None:
    assert found(replace(COMMENT, comment=" ")) == []
    assert found(COMMENT, turns=(replace(TURN, replies=("",)),)) == []


def test_excluded_conversations_are_skipped() -> None:
    excluding = {TURN.conversation_id}
    assert commented_replies([TURN], [COMMENT], excluding=excluding, limit=9) == ()


def test_the_newest_comments_come_first_up_to_the_limit() -> None:
    other = make_interaction("two", messages=(replace(TURN.messages[0], content="Else?"),))
    later = make_feedback("c2", target="two", comment="Too dull.", at=9.0)
    assert found(COMMENT, later, turns=(TURN, other)) == ["Too dull.", "Too long."]
    assert found(COMMENT, later, turns=(TURN, other), limit=1) == ["Too dull."]
