"""Which examples are accepted or rejected, over HTTP."""

from dataclasses import replace
from typing import Any

import pytest

from feedback.rules import explained
from scheduler.records import RunStatus
from server.chat.memory import learned_by
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version
from tests.server.test_bad_input import assert_refused

CARD = "4111 1111 1111 1111"


@pytest.fixture
def all_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrections have nothing in common with the tiny model's replies."""
    monkeypatch.setattr(explained, "MOST_UNEXPLAINED", 1.0)


def correct(live: LiveServer, person: Person, question: str, correction: str) -> None:
    """Ask, and correct the reply."""
    reply = live.chat(person.key, question)
    with live.client(person.key) as client:
        body = {"target": reply["id"], "correction": correction}
        client.post("/v1/feedback", json=body).raise_for_status()


def curation(live: LiveServer, person: Person) -> dict[str, Any]:
    """An admin's view of the filter results."""
    with live.admin() as admin:
        found: dict[str, Any] = admin.get(f"/v1/admin/users/{person.name}/curation").json()
    return found


@pytest.mark.usefixtures("all_is_taught")
def test_every_example_is_accepted_or_rejected_with_a_reason(
    live: LiveServer, person: Person
) -> None:
    correct(live, person, "How do I pay?", f"Use {CARD}, or ask.")
    correct(live, person, "Whom do I ask?", "Ask ann@example.org.")
    found = curation(live, person)
    assert found["rejected"] == {"secret": 2}
    assert found["accepted"] == len(found["examples"]) - 2
    paid = [each for each in found["examples"] if each["prompt"] == "How do I pay?"]
    assert {(each["reason"], each["why"]) for each in paid} == {
        ("secret", "It holds a card number.")
    }
    assert {each["reply"] for each in paid} == {"Use •••, or ask."}
    asked = [each for each in found["examples"] if each["prompt"] == "Whom do I ask?"]
    assert {each["accepted"] for each in asked} == {True}
    assert {tuple(each["warnings"]) for each in asked} == {("It holds an e-mail address.",)}


@pytest.mark.usefixtures("all_is_taught")
def test_a_rejected_example_names_the_one_that_contradicts_it(
    live: LiveServer, person: Person
) -> None:
    correct(live, person, "What is a key?", "A key opens a lock of some kind or other.")
    correct(live, person, "what is a key", "a thing for locks")
    examples = curation(live, person)["examples"]
    [old] = [each for each in examples if each["kind"] == "sft" and not each["accepted"]]
    # The newer correction makes an example of each kind, and either may be named.
    newer = {each["id"] for each in examples if each["accepted"]}
    assert old["reason"] == "contradicted"
    assert old["other"] in newer


def test_feedback_that_makes_no_example_is_listed(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, "hello")
    with live.client(person.key) as client:
        body = {"target": reply["id"], "comment": "hm"}
        comment = client.post("/v1/feedback", json=body).json()
    [unused] = curation(live, person)["unused"]
    assert unused["id"] == comment["id"]
    assert "note" in unused["why"]


def test_users_see_only_their_own_examples(live: LiveServer, person: Person) -> None:
    correct(live, person, "How do I pay?", "In cash.")
    other = live.new_person()
    with live.client(person.key) as mine, live.client(other.key) as theirs, live.client() as nobody:
        assert mine.get("/v1/me/curation").json() == curation(live, person)
        assert theirs.get("/v1/me/curation").json()["examples"] == []
        assert_refused(mine.get(f"/v1/admin/users/{other.name}/curation"), 403)
        assert_refused(nobody.get("/v1/me/curation"), 401)


def test_an_unknown_user_is_a_404(live: LiveServer) -> None:
    with live.admin() as admin:
        assert_refused(admin.get("/v1/admin/users/nobody/curation"), 404)


def test_memory_shows_neither_learned_nor_superseded_examples(
    live: LiveServer, person: Person
) -> None:
    import_version(live, person)
    version = live.services.stores.registry.versions(person.id)[0]
    proven = {"compliance": 9, "compliance_with_few_shot": 9}
    report = {"curation": {"superseded": ["old"]}, "evaluation": proven}
    assert learned_by(replace(version, example_ids=("new",), report=report)) == {"old", "new"}
    unproven = report | {"evaluation": {"compliance": 8, "compliance_with_few_shot": 9}}
    assert learned_by(replace(version, example_ids=("new",), report=unproven)) == {"old"}
    assert learned_by(version) == learned_by(None) == frozenset()


@pytest.mark.usefixtures("all_is_taught")
def test_rejections_by_the_last_fit_are_shown(live: LiveServer, person: Person) -> None:
    correct(live, person, "How do I pay?", "In cash.")
    each = next(each for each in curation(live, person)["examples"] if each["kind"] == "sft")
    runs = live.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=1.0)
    found = {"rejected_by_loss": {each["id"]: {"reason": "mismatch", "why": "It is odd."}}}
    report = {"evaluation": {"steps": 1}, "curation": found}
    if not runs.start(run.id, 1.0):  # the server was quicker and works it
        return
    runs.finish(run.id, RunStatus.REFUSED, "no", at=2.0, report=report)
    shown = {each["id"]: each for each in curation(live, person)["examples"]}[each["id"]]
    assert (shown["accepted"], shown["reason"], shown["why"]) == (False, "mismatch", "It is odd.")


@pytest.mark.usefixtures("all_is_taught")
def test_coverage_compares_what_is_taught_with_what_is_asked(
    live: LiveServer, person: Person
) -> None:
    correct(live, person, "Write a poem about rain.", "Rain, rain, on the window pane.")
    live.chat(person.key, "Who was Marie Curie?")
    live.chat(person.key, "Who was Ada Lovelace?", store=False)
    coverage = curation(live, person)["coverage"]
    assert coverage["kinds"] == [
        {"kind": "a text to be written", "taught": 1, "asked": 1},
        {"kind": "a fact", "taught": 0, "asked": 1},
    ]
    assert coverage["warnings"] == []
