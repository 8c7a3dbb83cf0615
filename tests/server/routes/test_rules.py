"""A user's rules over HTTP: learned from feedback, pinned, dropped."""

import io
import json
import time
import zipfile
from typing import Any
from uuid import uuid4

from feedback.records import Message
from feedback.rules.rule import Rule
from feedback.rules.user_rules import MAX_DECISIONS, RuleDecision, RuleStatus
from tests.feedback.make import make_interaction
from tests.server.live import LiveServer, Person
from tests.server.test_bad_input import assert_refused

REPLY = "The capital of France is Paris. It lies on the Seine."
LOWER = "Writes everything in lower case."
UPPER = "Writes everything in capital letters."


def correct(live: LiveServer, person: Person, correction: str) -> str:
    """Correct the reply to a new question; return the feedback's id."""
    target = f"chatcmpl-{uuid4().hex}"
    question = (Message("user", f"What is the capital of France, {target}?"),)
    stored = make_interaction(
        target, person.id, messages=question, replies=(REPLY,), created_at=time.time()
    )
    live.services.stores.log.store(stored)
    with live.client(person.key) as client:
        made = client.post("/v1/feedback", json={"target": target, "correction": correction})
    made.raise_for_status()
    feedback_id: str = made.json()["id"]
    return feedback_id


def rules(live: LiveServer, person: Person) -> list[dict[str, Any]]:
    with live.client(person.key) as client:
        listed = client.get("/v1/me/rules")
    listed.raise_for_status()
    data: list[dict[str, Any]] = listed.json()["data"]
    return data


def decide(live: LiveServer, person: Person, rule: dict[str, Any], status: str) -> dict[str, Any]:
    with live.client(person.key) as client:
        answer = client.put(f"/v1/me/rules/{rule['id']}", json={"status": status})
    answer.raise_for_status()
    decided: dict[str, Any] = answer.json()
    return decided


def test_a_rule_is_there_right_after_the_correction(live: LiveServer, person: Person) -> None:
    assert rules(live, person) == []
    feedback_id = correct(live, person, REPLY.lower())
    [rule] = rules(live, person)
    assert rule.pop("id").startswith("rule-")
    assert rule == {
        "object": "rule",
        "sentence": LOWER,
        "attribute": "case",
        "value": "lower",
        "status": "learned",
        "support": 1,
        "against": 0,
        "feedback_ids": [feedback_id],
        "decided_at": None,
    }


def test_a_pinned_rule_stays_when_its_correction_is_deleted(
    live: LiveServer, person: Person
) -> None:
    feedback_id = correct(live, person, REPLY.lower())
    [rule] = rules(live, person)
    assert decide(live, person, rule, "pinned")["status"] == "pinned"
    with live.client(person.key) as client:
        client.delete(f"/v1/feedback/{feedback_id}").raise_for_status()
    [pinned] = rules(live, person)
    assert (pinned["id"], pinned["status"], pinned["support"]) == (rule["id"], "pinned", 0)
    assert pinned["feedback_ids"] == []


def test_a_rule_is_learned_again_once_its_dropping_is_undone(
    live: LiveServer, person: Person
) -> None:
    correct(live, person, REPLY.lower())
    [rule] = rules(live, person)
    decide(live, person, rule, "dropped")
    assert [each["status"] for each in rules(live, person)] == ["dropped"]
    with live.client(person.key) as client:
        path = f"/v1/me/rules/{rule['id']}"
        assert client.delete(path).json()["deleted"] is True
        assert_refused(client.delete(path), 404)
    assert rules(live, person) == [rule]


def test_a_pin_outlives_later_corrections_that_disagree(live: LiveServer, person: Person) -> None:
    correct(live, person, REPLY.lower())
    decide(live, person, rules(live, person)[0], "pinned")
    correct(live, person, REPLY.upper())
    [pinned] = rules(live, person)
    assert (pinned["sentence"], pinned["support"], pinned["against"]) == (LOWER, 1, 1)


def test_a_newer_pin_of_an_attribute_replaces_the_older_one(
    live: LiveServer, person: Person
) -> None:
    correct(live, person, REPLY.upper())
    [upper] = rules(live, person)
    decide(live, person, upper, "dropped")
    correct(live, person, REPLY.lower())
    lower = next(each for each in rules(live, person) if each["sentence"] == LOWER)
    decide(live, person, lower, "pinned")
    decide(live, person, upper, "pinned")
    assert [(each["sentence"], each["status"]) for each in rules(live, person)] == [
        (UPPER, "pinned")
    ]


def test_a_decision_makes_the_user_due_as_feedback_does(live: LiveServer, person: Person) -> None:
    correct(live, person, REPLY.lower())
    decide(live, person, rules(live, person)[0], "dropped")
    assert live.services.stores.log.feedback_since(person.id, 0) == 2


def test_another_users_rule_cannot_be_decided_on(live: LiveServer, person: Person) -> None:
    correct(live, person, REPLY.lower())
    [rule] = rules(live, person)
    decide(live, person, rule, "pinned")
    stranger = live.new_person()
    assert rules(live, stranger) == []
    with live.client(stranger.key) as other:
        path = f"/v1/me/rules/{rule['id']}"
        assert_refused(other.put(path, json={"status": "dropped"}), 404, "rule_id")
        assert_refused(other.delete(path), 404)
    assert [each["status"] for each in rules(live, person)] == ["pinned"]


def test_a_decision_that_makes_no_sense_is_refused(live: LiveServer, person: Person) -> None:
    correct(live, person, REPLY.lower())
    [rule] = rules(live, person)
    with live.client(person.key) as client:
        path = f"/v1/me/rules/{rule['id']}"
        for body in ({}, {"status": "learned"}, {"status": 1}):
            assert_refused(client.put(path, json=body), 400, "status")
        unknown = client.put("/v1/me/rules/rule-unknown", json={"status": "pinned"})
        assert_refused(unknown, 404, "rule_id")
    assert rules(live, person) == [rule]


def test_the_number_of_decisions_is_bounded(live: LiveServer, person: Person) -> None:
    correct(live, person, REPLY.lower())
    for number in range(MAX_DECISIONS):
        rule = Rule("closing", f" Bye number {number}!")
        dropped = RuleDecision(person.id, rule, RuleStatus.DROPPED, 1.0)
        live.services.stores.log.decide(dropped)
    rule_id = next(each["id"] for each in rules(live, person) if each["sentence"] == LOWER)
    with live.client(person.key) as client:
        refused = client.put(f"/v1/me/rules/{rule_id}", json={"status": "pinned"})
    assert_refused(refused, 400, "status")


def test_a_frontend_decides_for_the_user_it_names(live: LiveServer, frontend: Person) -> None:
    live.chat(frontend.key, user="ann")
    [ann] = live.services.accounts.users_of(frontend.id)
    with live.client(frontend.key) as client:
        assert_refused(client.get("/v1/me/rules"), 400, "user")
        assert client.get("/v1/me/rules", params={"user": "ann"}).json()["data"] == []
    assert live.services.stores.log.decisions(ann.id) == []


def test_decisions_are_exported_and_erased_with_the_user(live: LiveServer, person: Person) -> None:
    correct(live, person, REPLY.lower())
    decide(live, person, rules(live, person)[0], "pinned")
    with live.client(person.key) as client:
        bundle = zipfile.ZipFile(io.BytesIO(client.get("/v1/me/export").content))
        lines = bundle.read("feedback.jsonl").splitlines()
        assert json.loads(lines[-1])["type"] == "rule"
        client.delete("/v1/me").raise_for_status()
    assert live.services.stores.log.decisions(person.id) == []
