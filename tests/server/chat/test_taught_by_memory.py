"""Who answers a user whose version learned what memory shows, over HTTP."""

from typing import Any

import pytest

from tests.server.live import LiveServer, Person
from tests.server.peft_folder import put_version_to_use

TAUGHT = {"teacher": {"kind": "demonstrations", "sentence": "The base understands them."}}
FIRST = [{"role": "user", "content": "What is tea?"}]
LATER = [*FIRST, {"role": "assistant", "content": "A drink."}, {"role": "user", "content": "hot?"}]


@pytest.fixture
def learner(live: LiveServer, person: Person) -> Person:
    with live.client(person.key) as client:
        target = live.chat(person.key)["id"]
        body = {"target": target, "correction": "a leaf"}
        client.post("/v1/feedback", json=body).raise_for_status()
    put_version_to_use(live, person, TAUGHT)
    return person


def answered_by(
    live: LiveServer, learner: Person, messages: list[dict[str, str]], **loralei: Any
) -> tuple[str, int]:
    """Which adapter answers, and how many demonstrations are in its prompt."""
    reply = live.chat(learner.key, messages=messages, loralei=loralei)["loralei"]
    return reply["adapter"], reply["memory"]["demonstrations"]


def test_the_base_with_memory_answers_the_first_turn(live: LiveServer, learner: Person) -> None:
    assert answered_by(live, learner, FIRST) == ("base", 1)


def test_a_system_prompt_is_no_turn(live: LiveServer, learner: Person) -> None:
    system = {"role": "system", "content": "Be kind."}
    assert answered_by(live, learner, [system, *FIRST]) == ("base", 1)


def test_the_version_answers_later_turns_beside_memory(live: LiveServer, learner: Person) -> None:
    assert answered_by(live, learner, LATER) == ("v2", 1)


def test_without_memory_the_version_answers_the_first_turn(
    live: LiveServer, learner: Person
) -> None:
    assert answered_by(live, learner, FIRST, memory=False) == ("v2", 0)


def test_a_version_that_is_asked_for_by_name_answers(live: LiveServer, learner: Person) -> None:
    assert answered_by(live, learner, FIRST, adapter="v2") == ("v2", 1)
