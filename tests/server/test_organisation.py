"""The organisation's adapter over HTTP: who it answers, who may change it, what ends it."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters_store.records import AdapterVersion
from feedback.examples.build import build_examples
from feedback.records import ORGANISATION
from feedback.store.documents import MAX_CHARACTERS
from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.peft_folder import config, put_version_to_use, random_weights
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused

ADAPTER = f"/v1/admin/adapters/{ORGANISATION}"
DOCUMENTS = "/v1/admin/organisation/documents"
SEEDS = itertools.count(100)


@pytest.fixture(scope="module")
def live(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with an organisation, which never trains by itself."""
    options: dict[str, Any] = {
        "schedule": {"interval": 0, "nightly": ""},
        "threads": 1,
        "organisation": True,
        "prefix_sharing": "user",
    }
    with running(tiny_model, tmp_path_factory.mktemp("organisation") / "data", **options) as server:
        yield server


def version_of(live: LiveServer, **values: Any) -> AdapterVersion:
    """Put a new version of the organisation to use, with these fields."""
    seed = next(SEEDS)  # withdrawn weights are refused
    stores, runtime = live.services.stores, live.services.runtime
    with live.admin() as admin:
        weights = random_weights(live, seed)
        made = admin.post(f"{ADAPTER}/versions", content=weights, headers=config(live)).json()
        imported = stores.registry.version(ORGANISATION, int(made["label"][1:]))
        staged = stores.files.stage()
        shutil.copytree(stores.files.open(imported), staged, dirs_exist_ok=True)
        published = stores.files.publish(staged, user_id=ORGANISATION)
        number = imported.number + 1
        version = replace(imported, number=number, folder=published.folder, **values)
        stores.registry.register(version)
        admin.post(f"{ADAPTER}/promote", json={"version": number}).raise_for_status()
    assert runtime.fits(version)
    return version


@pytest.fixture
def version(live: LiveServer) -> AdapterVersion:
    """The organisation's version in use."""
    return version_of(live)


def choose(live: LiveServer, person: Person, **choice: bool) -> dict[str, Any]:
    with live.client(person.key) as client:
        response = client.put("/v1/me/organisation", json=choice)
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def text(reply: dict[str, Any]) -> str:
    found: str = reply["choices"][0]["message"]["content"]
    return found


def test_a_user_without_a_version_is_answered_by_it_alone(
    live: LiveServer, person: Person, version: AdapterVersion
) -> None:
    reply = live.chat(person.key)
    assert (reply["loralei"]["adapter"], reply["loralei"]["organisation"]) == (
        "base",
        version.label,
    )
    base = live.chat(person.key, loralei={"adapter": "base"})
    assert "organisation" not in base["loralei"]
    assert text(reply) != text(base)


def test_it_answers_together_with_the_users_own_version(
    live: LiveServer, person: Person, version: AdapterVersion
) -> None:
    put_version_to_use(live, person)
    both = live.chat(person.key)
    own = live.chat(person.key, loralei={"organisation": False})
    assert (both["loralei"]["adapter"], both["loralei"]["organisation"]) == ("v2", version.label)
    assert (own["loralei"]["adapter"], own["loralei"].get("organisation")) == ("v2", None)
    alone = live.chat(live.new_person().key)
    assert len({text(both), text(own), text(alone)}) == 3


def test_what_took_part_is_stored_with_the_reply(
    live: LiveServer, person: Person, version: AdapterVersion
) -> None:
    with live.client(person.key) as client:
        sent = client.post("/v1/chat/completions", json=chat_body(store=True))
        stored = client.get(f"/v1/chat/completions/{sent.json()['id']}").json()
        response = client.get(f"/v1/responses/{sent.json()['id']}").json()
        streamed = client.post("/v1/chat/completions", json=chat_body(stream=True))
    assert sent.headers["x-loralei-organisation"] == version.label
    assert stored["loralei"]["organisation"] == response["loralei"]["organisation"] == version.label
    assert chunks(streamed)[0]["loralei"]["organisation"] == version.label


def test_background_requests_are_answered_by_the_base(
    live: LiveServer, person: Person, version: AdapterVersion
) -> None:
    with live.client(person.key, **{"x-loralei-task": "title"}) as client:
        reply = client.post("/v1/chat/completions", json=chat_body())
    assert "x-loralei-organisation" not in reply.headers


def test_a_user_may_switch_it_off_for_themself(
    live: LiveServer, person: Person, version: AdapterVersion
) -> None:
    assert choose(live, person, uses=False) == {
        "is_on": True,
        "shares": False,
        "uses": False,
        "version": None,
    }
    assert "organisation" not in live.chat(person.key)["loralei"]
    assert live.chat(live.new_person().key)["loralei"]["organisation"] == version.label


def test_sharing_is_off_until_the_user_turns_it_on(
    live: LiveServer, person: Person, version: AdapterVersion
) -> None:
    with live.client(person.key) as client:
        before = client.get("/v1/me").json()["organisation"]
    expected = {"is_on": True, "shares": False, "uses": True, "version": version.label}
    assert before == expected
    assert choose(live, person, shares=True) == expected | {"shares": True}


def test_a_frontend_chooses_for_its_own_user_only(
    live: LiveServer, frontend: Person, person: Person
) -> None:
    live.chat(frontend.key, user="zoe")
    with live.client(frontend.key) as client:
        chosen = client.put("/v1/me/organisation", params={"user": "zoe"}, json={"shares": True})
        foreign = client.put(
            "/v1/me/organisation", params={"user": person.id}, json={"shares": True}
        )
    assert chosen.json()["shares"]
    assert_refused(foreign, 404)
    assert not live.services.stores.log.choice(person.id).shares


def test_users_do_not_share_cached_prompts_of_it(
    live: LiveServer, version: AdapterVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefixes = live.local_engine.prefixes
    found: list[str | None] = []
    longest = prefixes.longest

    def note(namespace: str | None, tokens: Any, *, is_resumed: bool) -> Any:
        found.append(namespace)
        return longest(namespace, tokens, is_resumed=is_resumed)

    monkeypatch.setattr(prefixes, "longest", note)
    people = [live.new_person() for _ in range(2)]
    for each in people:
        live.chat(each.key)
    assert len(set(found)) == 2
    assert all(name is not None and version.folder in name for name in found)


def learn_of(live: LiveServer, person: Person) -> tuple[str, AdapterVersion]:
    """Have a user correct a reply and share, and the organisation learn that; the feedback's id."""
    completion = live.chat(person.key, f"What is tea to {person.name}?")["id"]
    body = {"target": completion, "correction": "a better reply"}
    with live.client(person.key) as client:
        given = client.post("/v1/feedback", json=body).json()["id"]
    choose(live, person, shares=True)
    examples = build_examples(*live.services.stores.log.turns_with_feedback(person.id))
    before = live.services.stores.registry.active(ORGANISATION)
    return given, version_of(
        live,
        example_ids=tuple(each.id for each in examples),
        parent=None if before is None else before.number,
    )


def stop_sharing(live: LiveServer, person: Person, feedback_id: str) -> None:
    choose(live, person, shares=False)


def delete_feedback(live: LiveServer, person: Person, feedback_id: str) -> None:
    with live.client(person.key) as client:
        client.delete(f"/v1/feedback/{feedback_id}").raise_for_status()


def be_erased(live: LiveServer, person: Person, feedback_id: str) -> None:
    with live.client(person.key) as client:
        client.delete("/v1/me").raise_for_status()


@pytest.mark.parametrize("take_back", [stop_sharing, delete_feedback, be_erased])
def test_no_path_leads_to_a_version_that_holds_what_was_taken_back(
    live: LiveServer,
    person: Person,
    version: AdapterVersion,
    take_back: Callable[[LiveServer, Person, str], None],
) -> None:
    given, holding = learn_of(live, person)
    other = live.new_person()
    assert live.chat(other.key)["loralei"]["organisation"] == holding.label
    take_back(live, person, given)
    assert live.chat(other.key)["loralei"]["organisation"] == version.label
    gone = f"{ADAPTER}/versions/{holding.number}"
    with live.admin() as admin:
        for refused in (
            admin.post(f"{ADAPTER}/promote", json={"version": holding.number}),
            admin.post(f"{gone}/compare", json={"prompt": "hello"}),
            admin.post(f"{gone}/evaluate"),
            admin.get(f"{gone}/download"),
        ):
            assert_refused(refused, 410)
        due = admin.get(ADAPTER).json()["due"]
        assert due["due"] and "deleted or changed" in due["reason"]
        move = admin.post(f"{ADAPTER}/rollback").json()
    assert move["to"] != holding.label
    folder = live.services.settings.data_dir / "adapters" / holding.folder
    live.services.housekeep()
    assert not folder.exists()


def test_the_choices_are_in_the_log_and_in_the_export(live: LiveServer, person: Person) -> None:
    choose(live, person, shares=True)
    choose(live, person, shares=False)
    with live.admin() as admin:
        log = admin.get("/v1/admin/audit", params={"user": person.id}).json()["data"]
    said = [each["action"] for each in log if each["action"].startswith("organisation")]
    assert said == [
        "organisation: shares nothing, uses it",
        "organisation: shares, uses it",
    ]
    with live.client(person.key) as client:
        bundle = client.get("/v1/me/export").content
    assert b"organisation.jsonl" in bundle


def test_documents_are_added_listed_read_and_deleted_by_admins(live: LiveServer) -> None:
    with live.admin() as admin:
        made = admin.post(DOCUMENTS, json={"name": " Handbook ", "text": "Open at 9."})
        assert made.status_code == 201
        path = f"{DOCUMENTS}/{made.json()['id']}"
        listed = admin.get("/v1/admin/organisation").json()
        assert made.json() in listed["documents"]
        read = admin.get(path).json()
        assert (read["name"], read["text"], read["is_read"]) == ("Handbook", "Open at 9.", False)
        assert admin.delete(path).json()["deleted"]
        assert_refused(admin.get(path), 404)
        assert_refused(admin.delete(path), 404)
        log = admin.get("/v1/admin/audit", params={"user": ORGANISATION}).json()["data"]
    assert {"document added", "document deleted"} <= {each["action"] for each in log}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"text": "a"}, "name"),
        ({"name": "", "text": "a"}, "name"),
        ({"name": "a", "text": "  "}, "text"),
        ({"name": "a", "text": "a" * (MAX_CHARACTERS + 1)}, "text"),
        ({"name": "a" * 1000, "text": "a"}, "name"),
    ],
)
def test_a_document_without_a_name_or_of_a_wrong_size_is_refused(
    live: LiveServer, body: dict[str, str], param: str
) -> None:
    with live.admin() as admin:
        assert_refused(admin.post(DOCUMENTS, json=body), 400, param)


@pytest.mark.parametrize("kind", ["user", "frontend"])
def test_only_admins_see_the_organisation(live: LiveServer, kind: str) -> None:
    stranger = live.new_person(kind)
    with live.client(stranger.key) as client:
        for path in ("/v1/admin/organisation", ADAPTER, f"/v1/admin/users/{ORGANISATION}"):
            assert_refused(client.get(path), 403)


def as_frontend(client: httpx.Client, name: str) -> httpx.Response:
    return client.get("/v1/me", params={"user": name})


def test_nobody_can_be_the_organisation(live: LiveServer, frontend: Person) -> None:
    with live.client(frontend.key) as client:
        assert_refused(as_frontend(client, ORGANISATION), 404)
    reply = live.chat(frontend.key, user=ORGANISATION)
    assert live.services.stores.log.counts(ORGANISATION).interactions == 0
    assert reply["loralei"]["adapter"] == "base"
    with live.admin() as admin:
        account = f"/v1/admin/users/{ORGANISATION}"
        for refused in ("key", "move", "feedback"):
            assert_refused(admin.post(f"{account}/{refused}", content=b""), 400, "user")
        taken = admin.post("/v1/admin/users", json={"name": ORGANISATION})
        assert_refused(taken, 400, "name")


def test_erasing_the_organisation_leaves_its_account(tiny_model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"schedule": {"interval": 0, "nightly": ""}, "threads": 1}
    with running(tiny_model, tmp_path / "data", organisation=True, **options) as live:
        person = live.new_person()
        version_of(live)
        with live.admin() as admin:
            admin.post(DOCUMENTS, json={"name": "Handbook", "text": "Open at 9."})
            admin.delete(f"/v1/admin/users/{ORGANISATION}").raise_for_status()
            found = admin.get("/v1/admin/organisation").json()
        assert (found["version"], found["documents"]) == (None, [])
        assert "organisation" not in live.chat(person.key)["loralei"]
        version_of(live)
    with running(tiny_model, tmp_path / "data", **options) as live:
        assert "organisation" not in live.chat(person.key)["loralei"]
        with live.client(person.key) as client:
            assert_refused(client.put("/v1/me/organisation", json={"shares": True}), 404, "shares")
            assert client.put("/v1/me/organisation", json={"shares": False}).is_success
            assert not client.get("/v1/me").json()["organisation"]["is_on"]
