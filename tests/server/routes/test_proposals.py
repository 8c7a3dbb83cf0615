"""Proposals over HTTP: written in the background, decided on, counted."""

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from feedback.proposals.records import MAX_OPEN
from feedback.records import Message
from tests.feedback.make import make_interaction, make_proposal
from tests.server.live import LiveServer, Person, listening, running
from tests.server.peft_folder import put_version_to_use
from tests.server.routes.test_me import found
from tests.server.test_bad_input import assert_refused
from tests.waiting import wait_until

PATH = "/v1/me/proposals"
ASKED = ("abc def ghi jkl", "mno pqr stu vwx", "yza bcd efg hij")
SECRET = "the-word-nobody-else-says"


def teach(live: LiveServer, person: Person, *questions: str) -> None:
    """Ask, and correct each reply to capital letters."""
    for question in questions:
        target = f"chatcmpl-{uuid4().hex}"
        turn = make_interaction(
            target, person.id, messages=(Message("user", question),), created_at=time.time()
        )
        live.services.stores.log.store(turn)
        with live.client(person.key) as client:
            body = {"target": target, "correction": turn.reply.upper()}
            client.post("/v1/feedback", json=body).raise_for_status()


def list_proposals(live: LiveServer, person: Person, **params: Any) -> dict[str, Any]:
    with live.client(person.key) as client:
        answer = client.get(PATH, params=params)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def end_of_request(live: LiveServer, person: Person) -> dict[str, Any]:
    """The progress of the request, once it has ended."""
    wait_until(lambda: live.services.proposal_jobs.of(person.id).finished_at)
    ended: dict[str, Any] = list_proposals(live, person)["progress"]
    return ended


def propose(live: LiveServer, person: Person, count: int) -> list[dict[str, Any]]:
    """Have proposals written to the end."""
    with live.client(person.key) as client:
        asked = client.post(PATH, json={"count": count})
    assert asked.status_code == 202, asked.text
    assert end_of_request(live, person)["status"] == "done"
    data: list[dict[str, Any]] = list_proposals(live, person)["data"]
    return data


def wait_for_a_proposal(live: LiveServer, person: Person) -> None:
    wait_until(lambda: live.services.proposal_jobs.of(person.id).proposed)


def offer(live: LiveServer, person: Person, **fields: Any) -> str:
    """A proposal that waits for a decision; its id."""
    proposal = make_proposal(f"proposal-{uuid4().hex}", person.id, **fields)
    live.services.stores.proposals.add([proposal])
    return proposal.id


def decide(live: LiveServer, person: Person, proposal_id: str, **body: Any) -> dict[str, Any]:
    with live.client(person.key) as client:
        answer = client.patch(f"{PATH}/{proposal_id}", json=body)
    answer.raise_for_status()
    decided: dict[str, Any] = answer.json()
    return decided


def due(live: LiveServer, person: Person) -> int:
    return live.services.stores.log.feedback_since(person.id, 0.0)


def sources(live: LiveServer, person: Person) -> list[str]:
    """The sources of the examples that the next training accepts."""
    with live.client(person.key) as client:
        examples = client.get("/v1/me/curation").json()["examples"]
    return sorted(each["source"] for each in examples if each["accepted"])


def test_new_instructions_are_proposed_with_replies_under_the_users_rules(
    babbling: LiveServer,
) -> None:
    person = babbling.new_person()
    teach(babbling, person, *ASKED)
    proposed = propose(babbling, person, 4)
    assert proposed
    for each in proposed:
        assert each["instruction"] not in ASKED and each["reply"].isupper()
        assert (each["kind"], each["adapter"], each["status"]) == (
            "something else",
            "base",
            "proposed",
        )
        assert each["rules"] == ["Writes everything in capital letters."]
        assert each["written"].islower()
    ended = end_of_request(babbling, person)
    assert ended["proposed"] == len(proposed) <= ended["wanted"] == 4
    assert ended["written"] == ended["proposed"] + sum(ended["rejected"].values())
    assert len({each["instruction"] for each in proposed}) == len(proposed)


def test_the_version_in_use_writes_the_replies(babbling: LiveServer) -> None:
    person = babbling.new_person()
    teach(babbling, person, *ASKED)
    put_version_to_use(babbling, person)
    with babbling.client(person.key) as client:
        client.post(PATH, json={"count": 200}).raise_for_status()
        wait_for_a_proposal(babbling, person)
        client.post(f"{PATH}/cancel").raise_for_status()
    assert list_proposals(babbling, person)["data"][0]["adapter"] == "v2"


def test_what_was_proposed_stays_when_the_rest_is_cancelled(babbling: LiveServer) -> None:
    person = babbling.new_person()
    teach(babbling, person, *ASKED)
    with babbling.client(person.key) as client:
        first = client.post(PATH, json={"count": 200}).json()
        assert first["status"] in ("queued", "running")
        assert client.post(PATH, json={"count": 5}).json()["wanted"] == 200  # one at a time
        wait_for_a_proposal(babbling, person)
        client.post(f"{PATH}/cancel").raise_for_status()
    ended = end_of_request(babbling, person)
    assert ended["status"] == "cancelled"
    assert len(list_proposals(babbling, person)["data"]) == ended["proposed"] < 200


def test_chat_is_answered_while_proposals_are_written(babbling: LiveServer) -> None:
    person = babbling.new_person()
    teach(babbling, person, *ASKED)
    with babbling.client(person.key) as client:
        client.post(PATH, json={"count": 200}).raise_for_status()
        assert babbling.chat(babbling.new_person().key)["choices"]
        assert client.post(f"{PATH}/cancel").json()["status"] in ("queued", "running")
    end_of_request(babbling, person)


def test_a_kind_can_be_chosen(babbling: LiveServer) -> None:
    person = babbling.new_person()
    teach(babbling, person, *ASKED)
    with babbling.client(person.key) as client:
        asked = client.post(PATH, json={"count": 200, "kind": "something else"})
        assert (asked.status_code, asked.json()["wanted"]) == (202, 200)
        client.post(f"{PATH}/cancel").raise_for_status()
        end_of_request(babbling, person)
        assert_refused(client.post(PATH, json={"count": 1, "kind": "a summary"}), 409)
        assert_refused(client.post(PATH, json={"count": 1, "kind": "gossip"}), 400, "kind")


def test_a_number_out_of_bounds_is_refused(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        for count in (0, 201, "5"):
            assert_refused(client.post(PATH, json={"count": count}), 400, "count")


def test_without_feedback_nothing_is_proposed_and_it_says_why(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        refused = client.post(PATH, json={"count": 5})
        assert_refused(refused, 409)
        assert refused.json()["error"]["code"] == "cannot_propose"
        assert "rate or correct a few replies" in refused.json()["error"]["message"]
    assert list_proposals(live, person)["progress"]["status"] == "idle"


def test_nothing_more_is_proposed_while_too_much_waits(live: LiveServer, person: Person) -> None:
    teach(live, person, *ASKED)
    waiting = (make_proposal(f"proposal-{i}", person.id) for i in range(MAX_OPEN))
    live.services.stores.proposals.add(waiting)
    with live.client(person.key) as client:
        refused = client.post(PATH, json={"count": 1})
    assert_refused(refused, 409)
    assert "approve or drop" in refused.json()["error"]["message"]


def test_nothing_is_proposed_while_the_model_is_loaded(tiny_model: Path, tmp_path: Path) -> None:
    missing = tiny_model / "missing"
    with listening(missing, tmp_path / "data") as server, server.admin() as admin:
        assert_refused(admin.post(PATH, json={"count": 1}), 503)
        assert admin.get(PATH).json()["data"] == []


def test_only_what_is_approved_counts(live: LiveServer, person: Person) -> None:
    first, second = offer(live, person), offer(live, person, instruction="Who was Ada?")
    assert (sources(live, person), due(live, person)) == ([], 0)
    assert decide(live, person, first, status="approved")["status"] == "approved"
    decide(live, person, second, status="dropped")
    assert (sources(live, person), due(live, person)) == (["approved proposal"], 1)
    listed = list_proposals(live, person, status="approved")
    assert [each["id"] for each in listed["data"]] == [first]
    assert listed["counts"] == {"proposed": 0, "approved": 1, "dropped": 1}


def test_an_edited_reply_is_what_is_learned(live: LiveServer, person: Person) -> None:
    proposal = offer(live, person)
    edited = decide(live, person, proposal, status="approved", reply="Oslo, of course.")
    assert (edited["reply"], edited["is_edited"]) == ("Oslo, of course.", True)
    assert sources(live, person) == ["edited proposal"]


def test_a_withdrawn_approval_counts_no_more_and_makes_the_user_due(
    live: LiveServer, person: Person
) -> None:
    proposal = offer(live, person)
    decide(live, person, proposal, status="approved")
    at = time.time()
    decide(live, person, proposal, status="proposed")
    assert sources(live, person) == []
    assert live.services.stores.log.feedback_since(person.id, at) == 1


def test_an_approved_proposal_that_was_learned_shows_in_me(
    live: LiveServer, person: Person
) -> None:
    decide(live, person, offer(live, person), status="approved")
    with live.client(person.key) as client:
        assert client.get("/v1/me").json()["learned"]["proposals"] == 0
        put_version_to_use(live, person)
        assert client.get("/v1/me").json()["learned"]["proposals"] == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"status": "loved"}, "status"),
        ({"reply": " "}, "reply"),
        ({"instruction": 1}, "instruction"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(
    live: LiveServer, person: Person, body: dict[str, Any], param: str
) -> None:
    proposal = offer(live, person)
    with live.client(person.key) as client:
        assert_refused(client.patch(f"{PATH}/{proposal}", json=body), 400, param)
    assert [each["status"] for each in list_proposals(live, person)["data"]] == ["proposed"]


def test_another_users_proposal_is_unknown(live: LiveServer, person: Person) -> None:
    proposal = offer(live, person)
    with live.client(live.new_person().key) as other:
        path = f"{PATH}/{proposal}"
        assert_refused(other.patch(path, json={"status": "approved"}), 404, "proposal_id")
        assert_refused(other.delete(path), 404, "proposal_id")
        assert other.get(PATH).json()["data"] == []
    assert [each["status"] for each in list_proposals(live, person)["data"]] == ["proposed"]


def test_a_frontend_decides_for_the_user_it_names(live: LiveServer, frontend: Person) -> None:
    live.chat(frontend.key, user="ann")
    with live.client(frontend.key) as client:
        assert_refused(client.get(PATH), 400, "user")
        assert client.get(PATH, params={"user": "ann"}).json()["data"] == []


def test_proposals_are_exported(live: LiveServer, person: Person) -> None:
    proposal = offer(live, person)
    with live.client(person.key) as client:
        bundle = zipfile.ZipFile(io.BytesIO(client.get("/v1/me/export").content))
    [row] = map(json.loads, bundle.read("feedback.jsonl").splitlines())
    assert (row["type"], row["id"]) == ("proposal", proposal)


def test_a_deleted_proposal_and_an_erased_user_leave_no_byte_behind(
    tiny_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with running(tiny_model, data, threads=1) as server:
        person = server.new_person()
        deleted, _ = (offer(server, person, reply=f"{SECRET} {i}") for i in range(2))
        with server.client(person.key) as client:
            assert client.delete(f"{PATH}/{deleted}").json()["deleted"] is True
            assert not found(data, f"{SECRET} 0")
            assert found(data, f"{SECRET} 1")
            client.delete("/v1/me").raise_for_status()
        assert not found(data, SECRET)


def test_erasing_oneself_ends_the_writing(babbling: LiveServer) -> None:
    person = babbling.new_person()
    teach(babbling, person, *ASKED)
    with babbling.client(person.key) as client:
        client.post(PATH, json={"count": 200}).raise_for_status()
        wait_for_a_proposal(babbling, person)
        client.delete("/v1/me").raise_for_status()
    wait_until(lambda: not babbling.services.runtime.engine.is_busy)
    assert babbling.services.stores.proposals.all_of(person.id) == []
