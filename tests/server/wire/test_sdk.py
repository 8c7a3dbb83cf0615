"""The OpenAI Python SDK against a running server."""

from collections.abc import Iterator
from typing import Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict

from tests.server.live import LiveServer, Person

MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "hello"}
]


@pytest.fixture
def sdk(live: LiveServer, person: Person) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=person.key, max_retries=0) as client:
        yield client


def test_a_chat_completes(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=8)
    assert reply.choices[0].message.content
    assert reply.usage is not None and reply.usage.completion_tokens <= 8


def test_a_chat_streams(sdk: openai.OpenAI) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text
    assert chunks[-1].usage is not None


def test_a_plain_loop_reads_a_stream(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=8, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def test_the_stream_helper_accumulates(sdk: openai.OpenAI) -> None:
    whole = sdk.chat.completions.create(model="tiny", messages=MESSAGES, temperature=0)
    text = whole.choices[0].message.content or ""
    with sdk.chat.completions.stream(
        model="tiny", messages=MESSAGES, temperature=0, stop=text[5:7]
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == text[: text.index(text[5:7])]
    assert final.choices[0].finish_reason == "stop"


class Trip(BaseModel):
    """Where to go."""

    model_config = ConfigDict(extra="forbid")

    city: Literal["Rome", "Oslo"]
    days: Literal[1, 2, 3]


@pytest.fixture
def sdk_with_tools(knowing_tools: LiveServer) -> Iterator[openai.OpenAI]:
    url, key = f"{knowing_tools.url}/v1", knowing_tools.new_person().key
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        yield client


def test_log_probabilities_are_read(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=8, logprobs=True, top_logprobs=2
    )
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None and logprobs.content
    assert all(len(each.top_logprobs) == 2 for each in logprobs.content)


def test_the_stream_helper_accumulates_log_probabilities(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(
        model="tiny", messages=MESSAGES, response_format=Trip, logprobs=True
    ) as stream:
        final = stream.get_final_completion()
    logprobs = final.choices[0].logprobs
    assert logprobs is not None and logprobs.content
    said = b"".join(bytes(each.bytes or []) for each in logprobs.content)
    assert said.decode(errors="replace") == final.choices[0].message.content


def test_a_reply_is_parsed_into_a_model(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.parse(model="tiny", messages=MESSAGES, response_format=Trip)
    assert isinstance(reply.choices[0].message.parsed, Trip)


def test_a_streamed_reply_is_parsed_into_a_model(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(
        model="tiny", messages=MESSAGES, response_format=Trip
    ) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Trip)


def test_a_parsed_reply_that_was_truncated_is_a_length_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        sdk.chat.completions.parse(
            model="tiny", messages=MESSAGES, response_format=Trip, max_tokens=3
        )


def test_a_call_is_parsed_into_a_model(sdk_with_tools: openai.OpenAI) -> None:
    reply = sdk_with_tools.chat.completions.parse(
        model="tiny",
        messages=MESSAGES,
        tools=[openai.pydantic_function_tool(Trip)],
        tool_choice="required",
    )
    assert reply.choices[0].finish_reason == "tool_calls"
    [call] = reply.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, Trip)


def test_a_streamed_call_is_parsed_into_a_model(sdk_with_tools: openai.OpenAI) -> None:
    with sdk_with_tools.chat.completions.stream(
        model="tiny",
        messages=MESSAGES,
        tools=[openai.pydantic_function_tool(Trip)],
        tool_choice="required",
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds
    [call] = final.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, Trip)


def test_a_call_and_its_answer_go_back_as_the_sdk_holds_them(
    sdk_with_tools: openai.OpenAI,
) -> None:
    tool = openai.pydantic_function_tool(Trip)
    first = sdk_with_tools.chat.completions.create(
        model="tiny", messages=MESSAGES, tools=[tool], tool_choice="required"
    )
    said = first.choices[0].message
    [call] = said.tool_calls or []
    answer: openai.types.chat.ChatCompletionToolMessageParam = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": "booked",
    }
    calling = said.model_dump(exclude_none=True)
    second = sdk_with_tools.chat.completions.create(
        model="tiny",
        messages=[*MESSAGES, calling, answer],  # type: ignore[list-item]
        tools=[tool],
        max_tokens=8,
    )
    assert second.choices[0].message.content


def test_a_schema_that_cannot_be_followed_is_a_bad_request_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "reply", "schema": {"not": {}}},
            },
        )
    assert refused.value.param == "response_format"


def test_models_are_listed(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == ["tiny"]
    assert sdk.models.retrieve("tiny").owned_by == "loralei"


def test_stored_completions_are_paged(sdk: openai.OpenAI) -> None:
    made = [
        sdk.chat.completions.create(
            model="tiny", messages=MESSAGES, max_tokens=2, store=True, metadata={"n": str(n)}
        ).id
        for n in range(3)
    ]
    assert [stored.id for stored in sdk.chat.completions.list(limit=2)] == made
    found = list(sdk.chat.completions.list(metadata={"n": "1"}))
    assert [stored.id for stored in found] == [made[1]]
    updated = sdk.chat.completions.update(made[0], metadata={"n": "zero"})
    assert updated.metadata == {"n": "zero"}
    newest_first = sdk.chat.completions.list(limit=1, order="desc", model="tiny")
    assert [stored.id for stored in newest_first] == made[::-1]
    assert sdk.chat.completions.delete(made[0]).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.retrieve(made[0])


def test_the_messages_of_a_stored_completion_are_paged(sdk: openai.OpenAI) -> None:
    texts = ["one", "two", "three"]
    stored = sdk.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": text} for text in texts],
        max_tokens=2,
        store=True,
    )
    listed = sdk.chat.completions.messages.list
    assert [message.content for message in listed(stored.id, limit=2)] == texts
    newest_first = listed(stored.id, limit=1, order="desc")
    assert [message.content for message in newest_first] == texts[::-1]


def test_a_wrong_key_is_an_authentication_error(live: LiveServer) -> None:
    with (
        openai.OpenAI(base_url=f"{live.url}/v1", api_key="wrong") as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.models.list()
    assert refused.value.code == "invalid_api_key"
    assert refused.value.request_id


def test_an_unknown_model_is_a_not_found_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.chat.completions.create(model="gpt-9", messages=MESSAGES)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_a_bad_value_is_a_bad_request_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(model="tiny", messages=MESSAGES, temperature=3)
    assert refused.value.param == "temperature"


def test_a_full_context_is_a_bad_request_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x" * 600}])
    assert refused.value.code == "context_length_exceeded"
    assert "512" in refused.value.message


def test_an_admin_route_is_a_permission_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        sdk.get("/admin/users", cast_to=object)
