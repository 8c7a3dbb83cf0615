"""`POST /v1/completions`: one text in, one text out."""

from typing import Any

import pytest

from tests.server.live import LiveServer, Person
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused, count_interactions

COMPLETIONS = "/v1/completions"


def body(**more: Any) -> dict[str, Any]:
    return {"model": "tiny", "prompt": "hello", "max_tokens": 8, "temperature": 0} | more


def complete(live: LiveServer, person: Person, **more: Any) -> dict[str, Any]:
    with live.client(person.key) as client:
        response = client.post(COMPLETIONS, json=body(**more))
    response.raise_for_status()
    made: dict[str, Any] = response.json()
    return made


def test_a_text_is_answered_as_a_message_is(live: LiveServer, person: Person) -> None:
    made, chat = complete(live, person), live.chat(person.key)
    assert made["object"] == "text_completion"
    assert made["choices"][0]["text"] == chat["choices"][0]["message"]["content"]
    assert made["usage"] == chat["usage"]


def test_its_turn_is_stored_and_can_be_rated(live: LiveServer, person: Person) -> None:
    made = complete(live, person)
    turn = live.services.stores.log.interaction(person.id, made["id"])
    assert [(each.role, each.content) for each in turn.messages] == [("user", "hello")]
    with live.client(person.key) as client:
        feedback = {"target": made["id"], "value": "up"}
        assert client.post("/v1/feedback", json=feedback).status_code == 201


def test_a_list_of_one_text_is_that_text(live: LiveServer, person: Person) -> None:
    assert complete(live, person, prompt=["hello"])["choices"] == complete(live, person)["choices"]


def test_several_replies_are_told_apart(live: LiveServer, person: Person) -> None:
    made = complete(live, person, n=2, best_of=2, temperature=1, seed=1)
    assert [each["index"] for each in made["choices"]] == [0, 1]


def test_a_stream_is_the_text_in_pieces(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        received = chunks(client.post(COMPLETIONS, json=body(stream=True)))
    choices = [choice for chunk in received for choice in chunk["choices"]]
    text = "".join(choice["text"] for choice in choices)
    assert text == complete(live, person)["choices"][0]["text"]
    assert [choice["finish_reason"] for choice in choices][-1] == "length"
    assert received[0]["loralei"]["adapter"] == "base"


def test_reasoning_is_left_out(thinking: LiveServer) -> None:
    made = complete(thinking, thinking.new_person(), max_tokens=40)
    assert made["choices"][0]["text"] == "Ok."


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "x" * 600}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"echo": True}, "echo"),
        ({"logprobs": 0}, "logprobs"),
        ({"best_of": 2}, "best_of"),
        ({"n": 9}, "n"),
        ({"chat_template": "x"}, "chat_template"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"top_k": -2}, "top_k"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_value_is_a_400_that_names_the_field(
    live: LiveServer, person: Person, fields: dict[str, Any], param: str | None
) -> None:
    with live.client(person.key) as client:
        assert_refused(client.post(COMPLETIONS, json=body(**fields)), 400, param)
    assert count_interactions(live, person) == 0


def test_fields_that_are_off_are_accepted(live: LiveServer, person: Person) -> None:
    off = {"suffix": None, "echo": False, "logprobs": None, "best_of": 1}
    assert complete(live, person, **off)["choices"][0]["text"]
