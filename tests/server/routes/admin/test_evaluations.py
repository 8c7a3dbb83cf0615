"""The evaluation suite over HTTP: requested, run on the real engine, read, and erased."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import import_version
from tests.server.suite import end_of, give_verdict, let_the_base_be_ideal, path_of
from tests.server.test_bad_input import assert_refused


@pytest.fixture(scope="module")
def measuring(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with room for many replies at once, whose base could do everything."""
    schedule = {"interval": 0, "nightly": ""}
    data = tmp_path_factory.mktemp("suite") / "data"
    with running(tiny_model, data, schedule=schedule, threads=1, max_batch_size=40) as server:
        let_the_base_be_ideal(server)
        yield server


def test_a_version_in_use_that_got_worse_is_rolled_back(measuring: LiveServer) -> None:
    person = measuring.new_person()
    import_version(measuring, person)
    with measuring.admin() as admin:
        adapter = f"/v1/admin/adapters/{person.id}"
        admin.post(f"{adapter}/promote", json={"version": 1}).raise_for_status()
        asked = admin.post(path_of(person))
        assert asked.status_code == 202
        assert (asked.json()["version"], asked.json()["requested_by"]) == ("v1", "admin")
        run = end_of(measuring, person)
        assert (run["status"], run["id"]) == ("refused", asked.json()["id"])
        assert "of 41 instructions (base model: 41)" in run["reason"]
        seen = admin.get(adapter).json()
    assert {each["name"] for each in run["measures"] if not each["is_met"]} >= {
        "instruction following",
        "abstention",
        "completeness",
    }
    assert seen["active"] == "base"
    assert seen["promotions"][0]["by"] == "suite"
    assert seen["promotions"][0]["reason"] == f"rolled back automatically: {run['reason']}"
    assert seen["versions"][0]["suite"] == run


def test_a_version_says_that_it_was_not_evaluated(live: LiveServer, person: Person) -> None:
    assert import_version(live, person)["suite"] is None
    with live.admin() as admin:
        assert_refused(admin.get(path_of(person)), 404)


def test_a_verdict_is_part_of_the_version_and_of_the_export(
    live: LiveServer, person: Person
) -> None:
    import_version(live, person)
    give_verdict(live, person)
    with live.admin() as admin:
        run = admin.get(path_of(person)).json()
        version = admin.get(f"/v1/admin/adapters/{person.id}/versions/1").json()
        export = admin.get(f"/v1/admin/users/{person.id}/export")
    assert run["measures"][0]["sentence"].startswith("It follows 10 of 40")
    assert version["suite"] == run
    assert export.status_code == 200


def test_an_unknown_version_cannot_be_evaluated(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        assert_refused(admin.post(path_of(person)), 404)
        assert_refused(admin.post(path_of(person, 0)), 400, "number")


def test_a_user_cannot_ask_for_the_suite(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    with live.client(person.key) as client:
        assert_refused(client.post(path_of(person)), 403)


def test_an_adapter_that_cannot_be_loaded_fails_the_run(live: LiveServer, person: Person) -> None:
    let_the_base_be_ideal(live)
    import_version(live, person)
    stores = live.services.stores
    stores.files.remove(stores.registry.version(person.id, 1))
    with live.admin() as admin:
        admin.post(path_of(person)).raise_for_status()
    run = end_of(live, person)
    assert run["status"] == "failed"
    assert "could not be tried" in run["reason"]


def test_erasing_a_user_forgets_the_suite(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    give_verdict(live, person)
    with live.admin() as admin:
        admin.delete(f"/v1/admin/users/{person.id}").raise_for_status()
    assert live.services.stores.suite_runs.newest(person.id, 1) is None
