"""What becomes of every row, over HTTP."""

from dataclasses import replace
from typing import Any

from scheduler.records import Outcome, RunStatus
from server.chat.memory import learned_by
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version
from tests.server.test_bad_input import assert_refused

CARD = "4111 1111 1111 1111"


def correct(live: LiveServer, person: Person, question: str, correction: str) -> None:
    """Ask, and correct the reply."""
    reply = live.chat(person.key, question)
    with live.client(person.key) as client:
        body = {"target": reply["id"], "correction": correction}
        client.post("/v1/feedback", json=body).raise_for_status()


def curation(live: LiveServer, person: Person) -> dict[str, Any]:
    """The fates, as an admin sees them."""
    with live.admin() as admin:
        found: dict[str, Any] = admin.get(f"/v1/admin/users/{person.name}/curation").json()
    return found


def test_every_row_has_its_fate_and_a_reason(live: LiveServer, person: Person) -> None:
    correct(live, person, "How do I pay?", f"Use {CARD}, or ask.")
    correct(live, person, "Whom do I ask?", "Ask ann@example.org.")
    found = curation(live, person)
    assert found["rejected"] == {"secret": 2}
    assert found["accepted"] == len(found["examples"]) - 2
    paid = [row for row in found["examples"] if row["prompt"] == "How do I pay?"]
    assert {(row["reason"], row["why"]) for row in paid} == {("secret", "It holds a card number.")}
    assert {row["reply"] for row in paid} == {"Use •••, or ask."}
    asked = [row for row in found["examples"] if row["prompt"] == "Whom do I ask?"]
    assert {row["accepted"] for row in asked} == {True}
    assert {tuple(row["warnings"]) for row in asked} == {("It holds an e-mail address.",)}


def test_a_row_names_the_one_that_overruled_it(live: LiveServer, person: Person) -> None:
    correct(live, person, "What is a key?", "A key opens a lock of some kind or other.")
    correct(live, person, "what is a key", "a thing for locks")
    rows = curation(live, person)["examples"]
    [old] = [row for row in rows if row["kind"] == "sft" and not row["accepted"]]
    # The newer correction makes a row of each kind, and either may be the one that is named.
    newer = {row["id"] for row in rows if row["accepted"]}
    assert old["reason"] == "contradicted"
    assert old["other"] in newer


def test_a_judgement_that_makes_no_row_is_listed(live: LiveServer, person: Person) -> None:
    reply = live.chat(person.key, "hello")
    with live.client(person.key) as client:
        body = {"target": reply["id"], "comment": "hm"}
        judged = client.post("/v1/feedback", json=body).json()
    [unused] = curation(live, person)["unused"]
    assert unused["id"] == judged["id"]
    assert "note" in unused["why"]


def test_users_see_their_own_fates_only(live: LiveServer, person: Person) -> None:
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


def test_memory_shows_neither_what_was_learned_nor_what_it_took_the_place_of(
    live: LiveServer, person: Person
) -> None:
    import_version(live, person)
    version = live.services.stores.registry.versions(person.id)[0]
    report = {"curation": {"superseded": ["old"]}, "verdict": {"outcome": Outcome.SIGNIFICANT}}
    assert learned_by(replace(version, example_ids=("new",), report=report)) == {"old", "new"}
    unproven = report | {"verdict": {"outcome": Outcome.PROVISIONAL}}
    assert learned_by(replace(version, example_ids=("new",), report=unproven)) == {"old"}
    assert learned_by(version) == learned_by(None) == frozenset()


def test_what_the_last_fit_spoke_against_is_told(live: LiveServer, person: Person) -> None:
    correct(live, person, "How do I pay?", "In cash.")
    row = next(row for row in curation(live, person)["examples"] if row["kind"] == "sft")
    runs = live.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=1.0)
    found = {"rejected_by_loss": {row["id"]: {"reason": "style", "why": "It is odd."}}}
    report = {"evaluation": {"steps": 1}, "curation": found}
    if not runs.start(run.id, 1.0):  # the server was quicker and works it
        return
    runs.finish(run.id, RunStatus.REFUSED, "no", at=2.0, report=report)
    told = {each["id"]: each for each in curation(live, person)["examples"]}[row["id"]]
    assert (told["accepted"], told["reason"], told["why"]) == (False, "style", "It is odd.")


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
