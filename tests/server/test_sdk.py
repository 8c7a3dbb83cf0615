"""The OpenAI Python SDK against a running server."""

from collections.abc import Iterator

import openai
import pytest

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
    (message,) = sdk.chat.completions.messages.list(made[0])
    assert message.content == "hello"
    assert sdk.chat.completions.delete(made[0]).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.retrieve(made[0])


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


def test_the_responses_route_says_which_one_to_use(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.responses.create(model="tiny", input="hello")
    assert "/v1/chat/completions" in refused.value.message
