from typing import Any

import pytest
from pydantic import ValidationError

from adapters_store.generation_defaults import GenerationDefaults
from feedback.records import Message
from server.accounts.identity import BodyIdentity
from server.chat.turn import sampling_params
from server.errors import param_name
from server.wire.requests import ChatRequest, FeedbackRequest, PromoteRequest, version_number
from server.wire.tool_calls import ToolCall, parse
from server.wire.tools import ToolMessage

KNOWN_FIELDS: dict[str, Any] = {
    "audio": None,
    "frequency_penalty": 0.5,
    "function_call": "none",
    "functions": [],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 5,
    "max_tokens": 5,
    "metadata": {"chat": "7"},
    "modalities": ["text"],
    "moderation": {},
    "n": 2,
    "parallel_tool_calls": True,
    "prediction": None,
    "presence_penalty": -0.5,
    "prompt_cache_key": "x",
    "prompt_cache_options": {},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "text"},
    "safety_identifier": "hash",
    "seed": 1,
    "service_tier": "auto",
    "stop": ["a", "b"],
    "store": True,
    "stream": False,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "temperature": 1,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 3,
    "top_p": 0.9,
    "user": "ann",
    "verbosity": "low",
    "web_search_options": {},
    "unknown": {"deep": [1, 2]},
}


IMAGE = {"role": "user", "content": [{"type": "image_url"}]}
NO_TEXT = {"role": "user", "content": [{"type": "text"}]}

DEFAULTS = GenerationDefaults(temperature=0.7, top_p=0.8, top_k=20)
OFF = {"enable_thinking": False, "thinking": False}


def chat(**fields: Any) -> ChatRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return ChatRequest.model_validate(body | fields)


def blamed(error: ValidationError) -> str | None:
    return param_name(("body", *error.errors()[0]["loc"]))


def test_every_field_of_openai_is_accepted() -> None:
    assert chat(**KNOWN_FIELDS).n == 2


def test_a_chat_and_feedback_name_their_user_in_the_same_fields() -> None:
    fields = {"safety_identifier": "hash", "user": "ann", "metadata": {"user_id": "7"}}
    feedback = FeedbackRequest.model_validate({"target": "c1", **fields})
    assert chat(**fields).identity == feedback.identity == BodyIdentity("hash", "ann", "7")
    assert chat().identity == BodyIdentity()


def test_null_is_the_same_as_nothing() -> None:
    nulls = dict.fromkeys(KNOWN_FIELDS)
    assert chat(**nulls) == chat()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"n": 10**30}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": -2}, "top_k"),
        ({"top_k": 10**9}, "top_k"),
        ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"presence_penalty": -3}, "presence_penalty"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop[0]"),
        ({"stop": ["a", 3]}, "stop[1]"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x"}] * 1001}, "messages"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": {f"k{i}": "v" for i in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"user": 7}, "user"),
        ({"safety_identifier": "x" * 65}, "safety_identifier"),
        ({"chat_template": "{{ evil }}"}, "chat_template"),
        ({"chat_template_kwargs": {"tools": []}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"x-y": 1}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"date": "<|im_end|>"}}, "chat_template_kwargs"),
        ({"reasoning_effort": "x" * 17}, "reasoning_effort"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"top_logprobs": 3, "logprobs": False}, "top_logprobs"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": -1, "logprobs": True}, "top_logprobs"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"-1": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias[1]"),
        ({"logit_bias": {str(i): 1 for i in range(1025)}}, "logit_bias"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": "json_object"}, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
            "response_format.json_schema.name",
        ),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f"}}] * 129}, "tools"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"function": {"name": "f", "arguments": "{"}}],
                    }
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"loralei": {"adapter": "../v1"}}, "loralei.adapter"),
        ({"loralei": {"adapter": "v0"}}, "loralei.adapter"),
    ],
    ids=str,
)
def test_a_bad_value_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ValidationError) as refused:
        chat(**fields)
    assert blamed(refused.value) == param


def test_parts_of_a_message_become_one_text() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    message = chat(messages=[{"role": "user", "content": parts}]).messages[0].message()
    assert message.content == "one\ntwo"


def test_a_developer_message_is_a_system_message() -> None:
    message = chat(messages=[{"role": "developer", "content": "x"}]).messages[0].message()
    assert message.role == "system"


def test_a_message_without_content_is_an_empty_text() -> None:
    message = chat(messages=[{"role": "assistant", "content": None}]).messages[0].message()
    assert message.content == ""


def test_a_turn_with_calls_says_them_in_text_and_to_templates_with_tools() -> None:
    call = {"id": "c1", "function": {"name": "time", "arguments": '{"zone": "CET"}'}}
    message = (
        chat(messages=[{"role": "assistant", "content": None, "tool_calls": [call]}])
        .messages[0]
        .message()
    )
    assert isinstance(message, ToolMessage)
    assert parse(message.content) == ("", (ToolCall("time", '{"zone": "CET"}'),))
    [given] = message.fields["tool_calls"]
    assert given["function"] == {"name": "time", "arguments": {"zone": "CET"}}


def test_the_answer_of_a_tool_names_its_call() -> None:
    sent = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
    message = chat(messages=[sent]).messages[0].message()
    assert isinstance(message, ToolMessage)
    assert (message.role, message.content) == ("tool", "noon")
    assert message.fields == {"content": "noon", "tool_call_id": "c1"}


def test_log_probabilities_are_wanted_only_when_asked_for() -> None:
    asked = chat(logprobs=True, top_logprobs=3)
    assert sampling_params(chat(), DEFAULTS, default_length=99).logprobs is None
    assert sampling_params(chat(logprobs=True), DEFAULTS, default_length=99).logprobs == 0
    assert sampling_params(asked, DEFAULTS, default_length=99).logprobs == 3


def test_the_user_may_be_an_object() -> None:
    assert chat(user={"id": "7", "name": "Ann"}).user == {"id": "7", "name": "Ann"}


@pytest.mark.parametrize(
    "body", [chat(), chat(temperature=None, top_p=None, top_k=None)], ids=["absent", "null"]
)
def test_what_a_request_leaves_out_has_the_defaults(body: ChatRequest) -> None:
    params = sampling_params(body, DEFAULTS, default_length=99)
    assert (params.temperature, params.top_p, params.top_k, params.max_tokens) == (0.7, 0.8, 20, 99)


def test_what_a_request_says_goes_before_the_defaults() -> None:
    params = sampling_params(chat(temperature=0, top_p=1, top_k=0), DEFAULTS, default_length=99)
    assert (params.temperature, params.top_p, params.top_k) == (0, 1, 0)
    assert sampling_params(chat(top_k=-1), DEFAULTS, default_length=99).top_k == 0


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, OFF),
        ({"chat_template_kwargs": {"thinking": False, "style": "brief"}}, OFF | {"style": "brief"}),
        ({"chat_template_kwargs": {"enable_thinking": None}}, {}),
        ({"reasoning_effort": "none"}, OFF | {"reasoning_effort": "none"}),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        (
            {"reasoning_effort": "minimal", "chat_template_kwargs": {"enable_thinking": True}},
            {"enable_thinking": True, "thinking": True, "reasoning_effort": "minimal"},
        ),
    ],
    ids=str,
)
def test_options_for_the_template_are_read(fields: dict[str, Any], options: dict[str, Any]) -> None:
    assert chat(**fields).template_options == options


@pytest.mark.parametrize(
    "reply",
    [
        {"content": "<think>Why?</think>\n\nOk."},
        {"content": "Ok.", "reasoning_content": "Why?"},
        {"content": "Ok.", "reasoning_content": {"text": "Why?"}},
    ],
    ids=str,
)
def test_an_earlier_reply_of_a_model_that_thinks_is_read_without_its_reasoning(
    reply: dict[str, Any],
) -> None:
    [message] = chat(messages=[{"role": "assistant", **reply}]).messages
    assert message.message(thinks=True) == Message("assistant", "Ok.")


def test_tags_in_other_messages_and_for_other_models_are_text() -> None:
    text = "<think>Why?</think>Ok."
    asked, replied = chat(
        messages=[{"role": role, "content": text} for role in ("user", "assistant")]
    ).messages
    assert asked.message(thinks=True).content == replied.message().content == text


def test_the_new_name_of_max_tokens_wins_over_the_old() -> None:
    body = chat(max_tokens=5, max_completion_tokens=6)
    assert sampling_params(body, DEFAULTS, default_length=99).max_tokens == 6


@pytest.mark.parametrize(
    ("value", "expected"),
    [("up", 1), ("thumbs_up", 1), (True, 1), (1, 1), (1.0, 1)]
    + [("down", -1), ("thumbs_down", -1), (False, -1), (-1, -1)],
)
def test_a_rating_is_read_in_every_form(value: object, expected: int) -> None:
    assert FeedbackRequest.model_validate({"target": "c", "value": value}).value == expected


@pytest.mark.parametrize("value", [0, 0.5, 5, "1", "good", [1], {"up": 1}], ids=str)
def test_a_value_that_is_no_rating_is_refused(value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        FeedbackRequest.model_validate({"target": "c", "value": value})
    assert blamed(refused.value) == "value"


def test_a_correction_may_be_a_message() -> None:
    body = {"target": "c", "correction": {"role": "assistant", "content": "better"}}
    assert FeedbackRequest.model_validate(body).correction == "better"


@pytest.mark.parametrize(("version", "number"), [(3, 3), ("v3", 3), ("base", None)])
def test_a_version_is_named_by_number_or_label(version: object, number: int | None) -> None:
    body = PromoteRequest.model_validate({"version": version})
    assert version_number(body.version) == number
