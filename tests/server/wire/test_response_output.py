"""Items and events of a response, and what is read of a stored one."""

from typing import Any

import pytest

from feedback.records import Message
from server.wire.responses_api.objects import stored_json
from server.wire.responses_api.output import ResponseOutput, output_items
from server.wire.tool_calls import ToolCall, write
from tests.feedback.make import make_interaction

COMPLETION = "chatcmpl-" + "ab" * 16
NOW = ToolCall("now", "{}")
LOGPROB = {"token": "x", "logprob": -1.0, "bytes": [120], "top_logprobs": []}


def items(**reply: Any) -> list[dict[str, Any]]:
    defaults: dict[str, Any] = {"content": "", "calls": (), "is_truncated": False}
    return output_items(COMPLETION, **defaults | reply)


def test_an_empty_reply_is_an_empty_text() -> None:
    [item] = items()
    assert (item["type"], item["status"]) == ("message", "completed")
    assert item["content"][0]["text"] == ""


def test_calls_alone_have_no_text() -> None:
    assert [each["type"] for each in items(calls=[NOW, NOW])] == ["function_call"] * 2


def test_a_reply_that_is_cut_in_its_reasoning_has_no_text() -> None:
    [item] = items(reasoning="Why", is_truncated=True)
    assert (item["type"], item["status"]) == ("reasoning", "incomplete")


def test_every_item_has_an_id_of_its_own() -> None:
    found = items(reasoning="Why?", content="Ok.", calls=[NOW, NOW])
    assert len({each["id"] for each in found}) == 4
    assert [each["status"] for each in found] == ["completed"] * 4


def test_a_piece_of_text_has_the_log_probabilities_of_all_its_tokens() -> None:
    output = ResponseOutput(COMPLETION)
    assert [*output.add(logprobs=[LOGPROB])] == []
    *_, first = output.add(content="O", logprobs=[LOGPROB])
    assert [*output.add(logprobs=[LOGPROB])] == []
    [second] = output.add(content="k", logprobs=[LOGPROB])
    assert [len(each["logprobs"]) for each in (first, second)] == [2, 2]


def test_a_text_has_the_same_log_probabilities_whole_and_in_pieces() -> None:
    output = ResponseOutput(COMPLETION)
    pieces = ({"content": "Ok."}, {"calls": [NOW]})
    for piece in pieces:
        assert [*output.add(logprobs=[LOGPROB], **piece)]
    assert output.items == items(content="Ok.", calls=[NOW], logprobs=[LOGPROB, LOGPROB])


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("aborted", "cancelled", None),
    ],
)
def test_a_stored_reply_says_how_it_ended(
    reason: str, status: str, details: dict[str, str] | None
) -> None:
    read = stored_json(make_interaction(COMPLETION, finish_reasons=(reason,)))
    assert (read["status"], read["incomplete_details"]) == (status, details)


def test_stored_calls_are_items() -> None:
    turn = make_interaction(
        COMPLETION, replies=(write("Let me see.", [NOW]),), finish_reasons=("tool_calls",)
    )
    message, call = stored_json(turn)["output"]
    assert message["content"][0]["text"] == "Let me see."
    assert (call["name"], call["call_id"]) == ("now", f"call_{'ab' * 16}_0_0")


@pytest.mark.parametrize(
    ("messages", "instructions"), [((Message("system", "Be brief."),), "Be brief."), ((), None)]
)
def test_stored_instructions_are_read(
    messages: tuple[Message, ...], instructions: str | None
) -> None:
    turn = make_interaction(COMPLETION, messages=messages, has_instructions=True)
    assert stored_json(turn)["instructions"] == instructions
