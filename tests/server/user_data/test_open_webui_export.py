"""What becomes of a rating that Open WebUI exported."""

from typing import Any

import pytest

from feedback.conversation import conversation_id
from server.user_data.open_webui_export import UnusableRatingError, parse_rating, to_rows
from tests.server.user_data.open_webui import CHAT, FIRST, REGENERATED, history, rating, reply


def converted(row: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    *turns, feedback = to_rows(parse_rating(row), "user-ann")
    return turns, feedback


def test_a_rated_reply_becomes_a_turn_with_the_messages_before_it() -> None:
    turn = converted(rating())[0][0]
    said = [(each["role"], each["content"]) for each in turn["messages"]]
    assert said == [
        ("user", "Hello?"),
        ("assistant", "Hello!"),
        ("user", "Why is the sky blue?"),
    ]
    assert turn["replies"] == ["Blue light scatters most."]
    assert turn["message_id"] == REGENERATED


def test_the_system_prompt_of_the_chat_comes_first() -> None:
    turn = converted(rating(chat={"params": {"system": "Be brief."}}))[0][0]
    assert turn["messages"][0] == {"role": "system", "content": "Be brief."}


def test_the_rating_keeps_its_id_thumb_reason_comment_and_score() -> None:
    turns, feedback = converted(rating())
    assert feedback["id"] == "openwebui-85e1aeb6-4077-4d01-93cd-aa555d61da29"
    assert feedback["target"] == turns[0]["id"]
    assert (feedback["value"], feedback["reason"]) == (1, "attention_to_detail")
    assert (feedback["comment"], feedback["metadata"]) == ("a good length", {"score": "8"})


def test_a_liked_reply_is_preferred_over_the_one_that_it_replaced() -> None:
    turns, feedback = converted(rating())
    assert [turn["message_id"] for turn in turns] == [REGENERATED, FIRST]
    assert feedback["preferred_over"] == turns[1]["id"]
    assert turns[0]["messages"] == turns[1]["messages"]


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"rating": -1, "details": None}},
        {"messages": history() | {FIRST: reply(FIRST, "user-2", [], "x", done=False)}},
        {
            "messages": history()
            | {FIRST: reply(FIRST, "user-2", [], "x", annotation={"rating": 1})}
        },
    ],
    ids=["disliked", "the other is not finished", "the other is liked"],
)
def test_without_a_loser_there_is_no_preference(fields: dict[str, Any]) -> None:
    turns, feedback = converted(rating(**fields))
    assert (len(turns), feedback["preferred_over"]) == (1, None)


def test_what_was_said_with_the_other_thumb_is_left_out() -> None:
    feedback = converted(rating({"rating": -1, "details": None}))[1]
    assert (feedback["value"], feedback["comment"]) == (-1, None)
    assert (feedback["reason"], feedback["metadata"]) == (None, {})


def test_a_comment_of_an_older_release_without_details_is_kept() -> None:
    row = rating()
    del row["data"]["details"]
    assert converted(row)[1]["comment"] == "a good length"


@pytest.mark.parametrize(("score", "value"), [(6, 1), (5, -1), (10, 1), (1, -1)])
def test_a_score_without_a_thumb_is_a_rating(score: int, value: int) -> None:
    data = {"rating": None, "reason": None, "details": {"rating": score}}
    feedback = converted(rating(data))[1]
    assert (feedback["value"], feedback["metadata"]) == (value, {"score": str(score)})


def test_a_score_never_contradicts_the_thumb() -> None:
    feedback = converted(rating({"rating": "-1", "details": {"rating": 8}}))[1]
    assert (feedback["value"], feedback["metadata"]) == (-1, {})


def test_reasoning_is_not_part_of_a_reply() -> None:
    thought = '<details type="reasoning" done="true">\n> Hm.\n</details>\nBlue light.'
    turn = converted(rating(messages=history(content=thought)))[0][0]
    assert turn["replies"] == ["Blue light."]


def test_the_conversation_is_that_of_a_turn_that_loralei_answered_itself() -> None:
    turn = converted(rating())[0][0]
    assert turn["conversation_id"] == conversation_id("user-ann", CHAT, ())


LOOP = history()
LOOP["user-1"] = LOOP["user-1"] | {"parentId": "reply-1"}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (7, "not a JSON object"),
        (rating(type="report"), "not a rating"),
        (rating(snapshot=None), "no snapshot"),
        (rating(snapshot={"chat": {"id": CHAT}}), "no snapshot"),
        (rating(meta={"chat_id": CHAT}), "does not name its message"),
        (rating(meta={"chat_id": "local:x", "message_id": FIRST}), "temporary chat"),
        (rating(meta={"chat_id": CHAT, "message_id": "gone"}), "not in the snapshot"),
        (rating(meta={"chat_id": CHAT, "message_id": "user-2"}), "not a reply"),
        (rating(messages=history(content=["an image"])), "not text"),
        (rating(messages=history(content=" ")), "empty"),
        (rating(messages=history(error={"content": "no"})), "not finished"),
        (rating(messages=LOOP), "no beginning"),
        (rating(data={"rating": None, "comment": "", "details": {}}), "neither a thumb"),
        (rating(created_at="yesterday"), "no time"),
        (rating(created_at=10**400, updated_at=10**400), "no time"),
        (rating(created_at=float("nan"), updated_at=float("nan")), "no time"),
        (rating(user_id=None), "names no user"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rating_that_cannot_be_used_is_refused_with_the_reason(row: Any, why: str) -> None:
    with pytest.raises(UnusableRatingError, match=why):
        converted(row)
