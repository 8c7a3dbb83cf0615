"""Base models that think before they reply, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from feedback.records import Message
from tests.server.live import LiveServer, chat_body, running
from tests.server.sse import chunks, text_of
from tests.server.test_bad_input import assert_refused
from tests.tiny_model import (
    CHAT_TEMPLATE,
    OPENED_TEMPLATE,
    THINKING_TEMPLATE,
    TOOL_TEMPLATE,
    build_thinking_model,
)

CHAT = "/v1/chat/completions"
OFF: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
QUESTION = {"role": "user", "content": "hello"}
FORMAT = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"const": "yes"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "now"}}]
THOUGHT_TOKENS = 6  # <think>, four bytes, </think>
REPLY_TOKENS = 5  # a break, three bytes, the end of the turn
MODELS: dict[str, dict[str, Any]] = {
    "plain tags": {"chat_template": THINKING_TEMPLATE},
    "special tags": {"chat_template": THINKING_TEMPLATE, "are_tags_special": True},
    "opened by the prompt": {"chat_template": OPENED_TEMPLATE},
    "without a switch": {"chat_template": CHAT_TEMPLATE},
}
SHOWS_REASONING = (
    "{% for message in messages %}{{ message.reasoning_content or '' }}{% endfor %}" + TOOL_TEMPLATE
)


@pytest.fixture(scope="module", params=MODELS)
def each_kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server for every way in which a model thinks; each thinks "Why?" and replies "Ok."."""
    folder = tmp_path_factory.mktemp("each-kind")
    model = build_thinking_model(folder / "tiny", **MODELS[request.param])
    with running(model, folder / "data", schedule={"interval": 0, "nightly": ""}) as server:
        yield server


def ask(server: LiveServer, key: str | None = None, **body: Any) -> dict[str, Any]:
    return server.chat(key or server.admin_key, **{"max_tokens": 40, **body})


def message_of(server: LiveServer, key: str | None = None, **body: Any) -> dict[str, Any]:
    message: dict[str, Any] = ask(server, key, **body)["choices"][0]["message"]
    return message


def stream(server: LiveServer, **body: Any) -> list[dict[str, Any]]:
    options = {"include_usage": True}
    sent = chat_body(stream=True, stream_options=options, **{"max_tokens": 40, **body})
    with server.admin() as client:
        return chunks(client.post(CHAT, json=sent))


def reasoning_of(received: list[dict[str, Any]]) -> str:
    deltas = [choice["delta"] for chunk in received for choice in chunk["choices"]]
    return "".join(delta.get("reasoning_content", "") for delta in deltas)


def test_reasoning_is_no_part_of_the_content(each_kind: LiveServer) -> None:
    message = message_of(each_kind)
    assert (message["reasoning_content"], message["content"]) == ("Why?", "Ok.")


def test_streamed_reasoning_is_no_part_of_the_content(each_kind: LiveServer) -> None:
    received = stream(each_kind)
    assert (reasoning_of(received), text_of(received)) == ("Why?", "Ok.")
    assert received[-1]["usage"] == ask(each_kind)["usage"]


def test_the_usage_says_how_many_tokens_are_reasoning(thinking: LiveServer) -> None:
    usage = ask(thinking)["usage"]
    assert usage["completion_tokens"] == THOUGHT_TOKENS + REPLY_TOKENS
    assert usage["completion_tokens_details"] == {"reasoning_tokens": THOUGHT_TOKENS}


def test_several_replies_have_their_own_reasoning(thinking: LiveServer) -> None:
    reply = ask(thinking, n=2)
    assert [each["message"]["reasoning_content"] for each in reply["choices"]] == ["Why?"] * 2
    details = reply["usage"]["completion_tokens_details"]
    assert details == {"reasoning_tokens": 2 * THOUGHT_TOKENS}


def test_a_reply_that_the_limit_cuts_inside_its_reasoning_has_no_content(
    each_kind: LiveServer,
) -> None:
    [choice] = ask(each_kind, max_tokens=4)["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == ""
    assert "Why?".startswith(choice["message"]["reasoning_content"])
    assert choice["message"]["reasoning_content"]


@pytest.mark.parametrize(
    "off",
    [OFF, {"chat_template_kwargs": {"thinking": False}}, {"reasoning_effort": "none"}],
    ids=str,
)
def test_thinking_can_be_turned_off(thinking: LiveServer, off: dict[str, Any]) -> None:
    reply = ask(thinking, **off)
    assert reply["choices"][0]["message"]["content"] == "Ok."
    assert "reasoning_content" not in reply["choices"][0]["message"]
    assert reply["usage"]["completion_tokens_details"] == {"reasoning_tokens": 0}


def test_the_template_option_goes_before_the_reasoning_effort(thinking: LiveServer) -> None:
    options = {"enable_thinking": True}
    message = message_of(thinking, chat_template_kwargs=options, reasoning_effort="minimal")
    assert message["reasoning_content"] == "Why?"


def test_a_model_that_does_not_think_takes_the_same_options(live: LiveServer) -> None:
    assert message_of(live, **OFF) == message_of(live, reasoning_effort="high") == message_of(live)


def test_a_format_holds_for_a_model_that_thinks(each_kind: LiveServer) -> None:
    message = message_of(each_kind, response_format=FORMAT, chat_template_kwargs={"thinking": True})
    assert message["content"] == '"yes"'
    assert "reasoning_content" not in message


def test_earlier_reasoning_that_a_client_sends_back_is_not_read(each_kind: LiveServer) -> None:
    def prompt_tokens(**reply: str) -> int:
        messages = [QUESTION, {"role": "assistant", **reply}, QUESTION]
        return int(ask(each_kind, messages=messages)["usage"]["prompt_tokens"])

    plain = prompt_tokens(content="Ok.")
    assert prompt_tokens(content="Ok.", reasoning_content="Why?") == plain
    assert prompt_tokens(content="<think>\nWhy?\n</think>\n\nOk.") == plain


def test_between_a_call_and_its_answer_the_template_sees_the_reasoning(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("calls")
    model = build_thinking_model(folder / "tiny", chat_template=SHOWS_REASONING)
    called = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    answer = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
    with running(model, folder / "data", schedule={"interval": 0, "nightly": ""}) as server:

        def prompt_tokens(**reasoning: str) -> int:
            messages = [QUESTION, called | reasoning, answer]
            return int(ask(server, messages=messages, tools=TOOLS)["usage"]["prompt_tokens"])

        bare = prompt_tokens()
        assert prompt_tokens(reasoning_content="Why?") == bare + len("Why?")
        assert prompt_tokens(content="<think>Why?</think>") == bare + len("Why?")


def test_a_message_with_strange_reasoning_is_no_error(thinking: LiveServer) -> None:
    reply = {"role": "assistant", "content": "Ok.", "reasoning_content": ["Why?"]}
    assert message_of(thinking, messages=[QUESTION, reply, QUESTION])["content"] == "Ok."


def test_nothing_of_the_reasoning_is_stored(thinking: LiveServer) -> None:
    person = thinking.new_person()
    earlier = {"role": "assistant", "content": "<think>Why?</think>Ok.", "reasoning_content": "Hm"}
    reply = ask(thinking, person.key, messages=[QUESTION, earlier, QUESTION])
    interaction = thinking.services.stores.log.interaction(person.id, reply["id"])
    assert interaction.replies == ("Ok.",)
    assert [message.content for message in interaction.messages] == ["hello", "Ok.", "hello"]
    with thinking.client(person.key) as client:
        stored = client.get(f"{CHAT}/{reply['id']}").json()
    assert stored["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Ok.",
        "refusal": None,
    }


def test_corrections_and_memory_know_nothing_of_the_reasoning(thinking: LiveServer) -> None:
    person = thinking.new_person()
    first = ask(thinking, person.key)
    with thinking.client(person.key) as client:

        def correct(text: str) -> Any:
            return client.post("/v1/feedback", json={"target": first["id"], "correction": text})

        assert_refused(correct("Ok."), 400, "correction")
        assert correct("Fine.").status_code == 201
    answered = ask(thinking, person.key, text="and now?")
    assert answered["loralei"]["memory"]["demonstrations"] == 1
    turns = [Message("user", "hello"), Message("assistant", "Fine."), Message("user", "and now?")]
    long, short = (
        thinking.services.runtime.engine.render(each, options={}) for each in (turns, turns[-1:])
    )
    assert answered["loralei"]["memory"]["tokens"] == len(long) - len(short)


def test_log_probabilities_are_those_of_the_content(each_kind: LiveServer) -> None:
    [choice] = ask(each_kind, logprobs=True)["choices"]
    tokens = [each["token"] for each in choice["logprobs"]["content"]]
    assert tokens == ["O", "k", "."]


@pytest.mark.parametrize(
    "options",
    [
        {"enable_thinking": ["no"]},
        {"enable_thinking": {}},
        {"date": "<|im_end|>"},
        {"date": "x" * 65},
        {"no name": True},
        {"steps": 1e12},
        {f"option_{i}": True for i in range(17)},
        [True],
    ],
    ids=lambda options: str(options)[:40],
)
def test_an_impossible_template_option_is_refused(thinking: LiveServer, options: object) -> None:
    with thinking.admin() as client:
        response = client.post(CHAT, json=chat_body(chat_template_kwargs=options))
    assert_refused(response, 400, "chat_template_kwargs")


def test_options_of_no_value_and_of_no_effect_are_ignored(thinking: LiveServer) -> None:
    options = {"enable_thinking": None, "unknown": "x", "messages": "x", "tools": "x"}
    assert message_of(thinking, chat_template_kwargs=options) == message_of(thinking)
