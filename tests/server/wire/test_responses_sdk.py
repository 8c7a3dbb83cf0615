"""Responses with the OpenAI Python SDK, against a running server."""

from collections.abc import Iterator
from typing import Literal

import openai
import pytest
from openai.types.responses import (
    FunctionToolParam,
    ResponseInputMessageItem,
    ResponseInputParam,
    ResponseInputText,
    ResponseItem,
    ResponseOutputMessage,
    ResponseOutputText,
)
from pydantic import BaseModel, ConfigDict

from tests.server.live import LiveServer, Person


class Trip(BaseModel):
    """Where to go."""

    model_config = ConfigDict(extra="forbid")

    city: Literal["Rome", "Oslo"]
    days: Literal[1, 2, 3]


@pytest.fixture
def sdk(live: LiveServer, person: Person) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=person.key, max_retries=0) as client:
        yield client


@pytest.fixture
def sdk_with_tools(knowing_tools: LiveServer) -> Iterator[openai.OpenAI]:
    url, key = f"{knowing_tools.url}/v1", knowing_tools.new_person().key
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def sdk_that_thinks(thinking: LiveServer) -> Iterator[openai.OpenAI]:
    url, key = f"{thinking.url}/v1", thinking.new_person().key
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


TOOL: FunctionToolParam = {
    "type": "function",
    "name": "book",
    "parameters": dict(Trip.model_json_schema()),
    "strict": True,
}


def test_a_response_is_made_and_is_incomplete_at_its_limit(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(model="tiny", input="hello", max_output_tokens=8, temperature=0)
    assert made.id.startswith("resp_")
    assert made.output_text
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"
    assert made.usage is not None and made.usage.output_tokens == 8


def test_a_response_is_the_same_reply_as_a_completion(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(
        model="tiny", input="hello", instructions="Be brief.", max_output_tokens=8, temperature=0
    )
    completion = sdk.chat.completions.create(
        model="tiny",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ],
        max_tokens=8,
        temperature=0,
    )
    assert made.output_text == completion.choices[0].message.content
    assert made.usage is not None and completion.usage is not None
    assert made.usage.input_tokens == completion.usage.prompt_tokens
    assert made.instructions == "Be brief."


def test_the_stream_helper_has_the_response_that_is_made_at_once(
    sdk_that_thinks: openai.OpenAI,
) -> None:
    whole = sdk_that_thinks.responses.create(model="tiny", input="hello", temperature=0)
    with sdk_that_thinks.responses.stream(model="tiny", input="hello", temperature=0) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == whole.output_text == "Ok."
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events if not event.type.endswith(".delta")] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_deltas_add_up_to_the_items_that_are_done(sdk_that_thinks: openai.OpenAI) -> None:
    texts: dict[str, str] = {}
    done: dict[str, str] = {}
    for event in sdk_that_thinks.responses.create(model="tiny", input="hello", stream=True):
        if event.type in ("response.output_text.delta", "response.reasoning_text.delta"):
            texts[event.item_id] = texts.get(event.item_id, "") + event.delta
        if event.type == "response.output_item.done" and event.item.type == "message":
            done[event.item.id or ""] = event.item.content[0].text  # type: ignore[union-attr]
        if event.type == "response.output_item.done" and event.item.type == "reasoning":
            done[event.item.id] = (event.item.content or [])[0].text
    assert texts == done
    assert sorted(done.values()) == ["Ok.", "Why?"]


def test_reasoning_is_an_item_that_is_counted(sdk_that_thinks: openai.OpenAI) -> None:
    made = sdk_that_thinks.responses.create(model="tiny", input="hello")
    [reasoning, message] = made.output
    assert reasoning.type == "reasoning"
    assert reasoning.content is not None and reasoning.content[0].text == "Why?"
    assert message.type == "message" and made.output_text == "Ok."
    assert made.usage is not None
    assert 0 < made.usage.output_tokens_details.reasoning_tokens < made.usage.output_tokens


def test_no_effort_is_no_reasoning(sdk_that_thinks: openai.OpenAI) -> None:
    made = sdk_that_thinks.responses.create(
        model="tiny", input="hello", reasoning={"effort": "none"}
    )
    assert [item.type for item in made.output] == ["message"]


def test_reasoning_may_be_sent_back(sdk_that_thinks: openai.OpenAI) -> None:
    first = sdk_that_thinks.responses.create(model="tiny", input="hello")
    items: ResponseInputParam = [
        {"role": "user", "content": "hello"},
        *[item.model_dump(exclude_none=True) for item in first.output],  # type: ignore[list-item]
        {"role": "user", "content": "and?"},
    ]
    assert sdk_that_thinks.responses.create(model="tiny", input=items).output_text == "Ok."


def test_a_stream_that_is_cut_ends_as_incomplete(sdk: openai.OpenAI) -> None:
    events = list(
        sdk.responses.create(model="tiny", input="hello", max_output_tokens=4, stream=True)
    )
    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    [item] = last.response.output
    assert item.type == "message" and item.status == "incomplete"


def test_a_response_is_parsed_into_a_model(sdk: openai.OpenAI) -> None:
    made = sdk.responses.parse(model="tiny", input="Where?", text_format=Trip)
    assert isinstance(made.output_parsed, Trip)
    assert made.status == "completed"


def test_a_streamed_response_is_parsed_into_a_model(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="tiny", input="Where?", text_format=Trip) as stream:
        final = stream.get_final_response()
    assert isinstance(final.output_parsed, Trip)


def test_any_object_is_a_format(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(
        model="tiny", input="Say JSON.", text={"format": {"type": "json_object"}}, temperature=0
    )
    assert made.output_text.startswith("{")
    assert made.text is not None and made.text.format is not None
    assert made.text.format.type == "json_object"


def test_log_probabilities_are_read(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(
        model="tiny",
        input="hello",
        max_output_tokens=4,
        include=["message.output_text.logprobs"],
        top_logprobs=2,
    )
    [item] = made.output
    assert item.type == "message" and item.content[0].type == "output_text"
    logprobs = item.content[0].logprobs
    assert logprobs and all(len(each.top_logprobs) == 2 for each in logprobs)


def test_a_call_is_parsed_into_a_model(sdk_with_tools: openai.OpenAI) -> None:
    made = sdk_with_tools.responses.parse(
        model="tiny", input="Where?", tools=[TOOL], tool_choice="required"
    )
    [call] = made.output
    assert call.type == "function_call" and call.name == "book"
    Trip.model_validate_json(call.arguments)
    assert call.call_id.startswith("call_")


def test_a_streamed_call_has_its_events(sdk_with_tools: openai.OpenAI) -> None:
    with sdk_with_tools.responses.stream(
        model="tiny",
        input="Where?",
        tools=[TOOL],
        tool_choice={"type": "function", "name": "book"},
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    [call] = final.output
    assert call.type == "function_call"
    Trip.model_validate_json(call.arguments)


def test_a_call_and_its_output_go_back_as_items(sdk_with_tools: openai.OpenAI) -> None:
    first = sdk_with_tools.responses.create(
        model="tiny", input="Where?", tools=[TOOL], tool_choice="required"
    )
    [call] = first.output
    assert call.type == "function_call"
    items: ResponseInputParam = [
        {"role": "user", "content": "Where?"},
        call.model_dump(exclude_none=True),  # type: ignore[list-item]
        {"type": "function_call_output", "call_id": call.call_id, "output": "booked"},
    ]
    second = sdk_with_tools.responses.create(
        model="tiny", input=items, tools=[TOOL], tool_choice="none", max_output_tokens=8
    )
    assert second.output_text


def test_the_output_of_a_call_continues_a_response(sdk_with_tools: openai.OpenAI) -> None:
    first = sdk_with_tools.responses.create(
        model="tiny", input="Where?", tools=[TOOL], tool_choice="required"
    )
    [call] = first.output
    assert call.type == "function_call"
    output: ResponseInputParam = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "booked"}
    ]
    asked = {"model": "tiny", "tools": [TOOL], "tool_choice": "none", "temperature": 0}
    continued = sdk_with_tools.responses.create(
        input=output,
        previous_response_id=first.id,
        max_output_tokens=8,
        **asked,  # type: ignore[call-overload]
    )
    whole: ResponseInputParam = [
        {"role": "user", "content": "Where?"},
        call.model_dump(exclude_none=True),  # type: ignore[list-item]
        *output,
    ]
    sent = sdk_with_tools.responses.create(
        input=whole,
        max_output_tokens=8,
        **asked,  # type: ignore[call-overload]
    )
    assert continued.output_text == sent.output_text
    assert continued.usage.input_tokens == sent.usage.input_tokens
    assert continued.previous_response_id == first.id


def test_a_response_continues_another_without_its_instructions(sdk: openai.OpenAI) -> None:
    first = sdk.responses.create(
        model="tiny", input="hello", instructions="Be brief.", max_output_tokens=4, temperature=0
    )
    second = sdk.responses.create(
        model="tiny",
        input="and?",
        previous_response_id=first.id,
        max_output_tokens=4,
        temperature=0,
    )
    whole = sdk.responses.create(
        model="tiny",
        input=[
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": first.output_text},
            {"role": "user", "content": "and?"},
        ],
        max_output_tokens=4,
        temperature=0,
    )
    assert second.output_text == whole.output_text
    assert second.usage is not None and whole.usage is not None
    assert second.usage.input_tokens == whole.usage.input_tokens


def test_a_response_is_read_and_deleted(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(
        model="tiny", input="hello", max_output_tokens=4, metadata={"a": "b"}
    )
    found = sdk.responses.retrieve(made.id)
    assert (found.output_text, found.status) == (made.output_text, made.status)
    assert found.output[0].id == made.output[0].id
    assert (found.metadata, found.usage) == ({"a": "b"}, made.usage)
    sdk.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(made.id)


def test_a_call_is_read_as_it_was_made(sdk_with_tools: openai.OpenAI) -> None:
    made = sdk_with_tools.responses.create(
        model="tiny", input="Where?", tools=[TOOL], tool_choice="required"
    )
    assert sdk_with_tools.responses.retrieve(made.id).output == made.output


def test_the_input_of_a_response_is_read_back_page_by_page(sdk: openai.OpenAI) -> None:
    first = sdk.responses.create(
        model="tiny", input="hello", instructions="Be brief.", max_output_tokens=4
    )
    second = sdk.responses.create(
        model="tiny", input="and?", previous_response_id=first.id, max_output_tokens=4
    )
    items = list(sdk.responses.input_items.list(second.id, limit=1, order="asc"))
    assert [texts(each) for each in items] == [
        ("user", "hello"),
        ("assistant", first.output_text),
        ("user", "and?"),
    ]
    assert list(sdk.responses.input_items.list(second.id)) == items[::-1]
    assert len({each.id for each in items}) == 3


def texts(item: ResponseItem) -> tuple[str, str]:
    assert isinstance(item, ResponseInputMessageItem | ResponseOutputMessage)
    [part] = item.content
    assert isinstance(part, ResponseInputText | ResponseOutputText)
    return item.role, part.text


def test_a_call_in_the_input_is_read_back_with_its_output(sdk_with_tools: openai.OpenAI) -> None:
    sent: ResponseInputParam = [
        {"role": "user", "content": "Where?"},
        {"type": "function_call", "call_id": "c1", "name": "book", "arguments": '{"days": 2}'},
        {"type": "function_call_output", "call_id": "c1", "output": "booked"},
    ]
    made = sdk_with_tools.responses.create(
        model="tiny", input=sent, tools=[TOOL], tool_choice="none", max_output_tokens=4
    )
    _, call, output = sdk_with_tools.responses.input_items.list(made.id, order="asc")
    assert call.type == "function_call" and output.type == "function_call_output"
    assert (call.name, call.arguments, output.output) == ("book", '{"days": 2}', "booked")
    assert call.call_id == output.call_id


def test_an_unknown_item_begins_no_page(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(model="tiny", input="hello", max_output_tokens=4)
    with pytest.raises(openai.NotFoundError, match="no item 'msg_x'"):
        sdk.responses.input_items.list(made.id, after="msg_x")


def test_a_response_that_has_ended_cannot_be_stopped(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(model="tiny", input="hello", max_output_tokens=4)
    with pytest.raises(openai.BadRequestError, match="has ended"):
        sdk.responses.cancel(made.id)


def test_a_response_that_is_being_written_is_stopped(sdk: openai.OpenAI) -> None:
    with sdk.responses.create(
        model="tiny",
        input="hello",
        stream=True,
        max_output_tokens=1000,
        extra_body={"ignore_eos": True, "loralei": {"resumable": True}},
    ) as stream:
        begun = next(iter(stream))
        assert begun.type == "response.created"
        stopped = sdk.responses.cancel(begun.response.id)
    assert stopped.status == "cancelled"
    assert sdk.responses.retrieve(begun.response.id).output_text == stopped.output_text


def test_what_was_not_stored_cannot_be_continued(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(model="tiny", input="hello", max_output_tokens=2, store=False)
    with pytest.raises(openai.NotFoundError, match="never stored") as refused:
        sdk.responses.create(model="tiny", input="and?", previous_response_id=made.id)
    assert refused.value.param == "previous_response_id"


def test_a_full_context_names_the_input(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.responses.create(model="tiny", input="x" * 600)
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")


def test_a_schema_that_cannot_be_followed_names_the_format(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.responses.create(
            model="tiny",
            input="hello",
            text={"format": {"type": "json_schema", "name": "reply", "schema": {"not": {}}}},
        )
    assert refused.value.param == "text.format"


def test_an_old_completion_is_made_and_streamed(sdk: openai.OpenAI) -> None:
    made = sdk.completions.create(model="tiny", prompt="hello", max_tokens=8, temperature=0)
    assert made.choices[0].text and made.choices[0].finish_reason == "length"
    stream = sdk.completions.create(
        model="tiny",
        prompt=["hello"],
        max_tokens=8,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].text for c in chunks if c.choices) == made.choices[0].text
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 8
