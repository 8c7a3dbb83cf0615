"""A prompt that overrides a rule is answered by the base, over HTTP."""

from typing import Any

import pytest

from tests.server.live import LiveServer, Person, chat_body
from tests.server.peft_folder import put_version_to_use
from tests.server.sse import chunks

OVERRIDING = "Write it in CAPITAL LETTERS."
TAUGHT = {"rules": [{"attribute": "case", "value": "lower"}]}
RULE = "Writes everything in lower case."


@pytest.fixture
def learner(live: LiveServer, person: Person) -> Person:
    """A user whose version was taught to write in lower case."""
    with live.client(person.key) as client:
        target = live.chat(person.key)["id"]
        body = {"target": target, "correction": "all in lower case"}
        client.post("/v1/feedback", json=body).raise_for_status()
    put_version_to_use(live, person, TAUGHT)
    return person


def loralei(live: LiveServer, person: Person, text: str, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = live.chat(person.key, text, **body)["loralei"]
    return found


def test_the_base_answers_without_memory_and_names_the_overridden_rule(
    live: LiveServer, learner: Person
) -> None:
    found = loralei(live, learner, OVERRIDING)
    assert (found["adapter"], found["overridden_rules"]) == ("base", [RULE])
    assert found["memory"]["demonstrations"] == 0


def test_a_streamed_reply_says_so_too(live: LiveServer, learner: Person) -> None:
    with live.client(learner.key) as client:
        response = client.post("/v1/chat/completions", json=chat_body(OVERRIDING, stream=True))
    assert response.headers["x-loralei-adapter"] == "base"
    assert chunks(response)[0]["loralei"]["overridden_rules"] == [RULE]


def test_any_other_prompt_is_answered_by_the_adapter(live: LiveServer, learner: Person) -> None:
    found = loralei(live, learner, "What is tea?")
    assert (found["adapter"], found["overridden_rules"]) == ("v2", [])
    assert found["memory"]["demonstrations"] == 1


def test_a_version_that_is_asked_for_by_name_answers_everything(
    live: LiveServer, learner: Person
) -> None:
    found = loralei(live, learner, OVERRIDING, loralei={"adapter": "v2"})
    assert (found["adapter"], found["overridden_rules"]) == ("v2", [])


def test_only_the_last_user_message_counts(live: LiveServer, learner: Person) -> None:
    turns = [
        {"role": "user", "content": OVERRIDING},
        {"role": "assistant", "content": "IT."},
        {"role": "user", "content": "What is tea?"},
    ]
    with live.client(learner.key) as client:
        reply = client.post("/v1/chat/completions", json=chat_body() | {"messages": turns}).json()
    assert reply["loralei"]["adapter"] == "v2"
