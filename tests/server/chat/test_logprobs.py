"""`logprobs` over HTTP, in OpenAI's shape."""

from typing import Any

from tests.server.live import LiveServer, Person, chat_body
from tests.server.sse import chunks

ASKED: dict[str, Any] = {"logprobs": True, "top_logprobs": 3, "max_tokens": 12}


def test_without_asking_there_are_none(live: LiveServer, person: Person) -> None:
    assert live.chat(person.key)["choices"][0]["logprobs"] is None


def test_every_token_says_how_likely_it_was_and_what_else_was(
    live: LiveServer, person: Person
) -> None:
    [choice] = live.chat(person.key, **ASKED)["choices"]
    content = choice["logprobs"]["content"]
    assert choice["logprobs"]["refusal"] is None
    said = bytes(byte for each in content for byte in each["bytes"])
    assert said.decode(errors="replace") == choice["message"]["content"]
    for each in content:
        assert set(each) == {"token", "logprob", "bytes", "top_logprobs"}
        assert each["logprob"] <= 0
        assert len(each["top_logprobs"]) == 3
        # Greedy, so the likeliest token was taken.
        likeliest = each["top_logprobs"][0]
        assert likeliest == {name: each[name] for name in ("token", "logprob", "bytes")}


def test_streamed_and_unstreamed_log_probabilities_are_the_same(
    live: LiveServer, person: Person
) -> None:
    [choice] = live.chat(person.key, "same", **ASKED)["choices"]
    with live.client(person.key) as client:
        body = chat_body("same", stream=True, **ASKED)
        received = chunks(client.post("/v1/chat/completions", json=body))
    streamed = [
        each
        for chunk in received
        for part in chunk["choices"]
        if part["logprobs"]
        for each in part["logprobs"]["content"]
    ]
    assert streamed == choice["logprobs"]["content"]


def test_a_stop_text_is_not_among_them(live: LiveServer, person: Person) -> None:
    body: dict[str, Any] = {"logprobs": True, "max_tokens": 20}
    text = live.chat(person.key, **body)["choices"][0]["message"]["content"]
    [choice] = live.chat(person.key, stop=text[3:5], **body)["choices"]
    said = bytes(byte for each in choice["logprobs"]["content"] for byte in each["bytes"])
    assert said.decode(errors="replace") == choice["message"]["content"]


def test_without_a_number_there_are_no_alternatives(live: LiveServer, person: Person) -> None:
    [choice] = live.chat(person.key, logprobs=True)["choices"]
    assert all(each["top_logprobs"] == [] for each in choice["logprobs"]["content"])


def test_the_end_of_the_turn_is_not_among_them(live: LiveServer, person: Person) -> None:
    [end] = live.services.runtime.engine.renderer.eos_token_ids
    [choice] = live.chat(person.key, logprobs=True, logit_bias={str(end): 100})["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == ""
    assert choice["logprobs"]["content"] == []


def test_a_bias_decides_what_is_said(live: LiveServer, person: Person) -> None:
    token = str(live.services.runtime.engine.renderer.text_ids("x")[0])
    [choice] = live.chat(person.key, logit_bias={token: 100}, max_tokens=5)["choices"]
    assert choice["message"]["content"] == "xxxxx"
