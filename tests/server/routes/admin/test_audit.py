"""Who did what when, and how much feedback came by day."""

import time
from typing import Any

import pytest

from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version
from tests.server.test_bad_input import assert_refused


def audit(live: LiveServer, **query: str | int) -> list[dict[str, Any]]:
    """The newest entries."""
    with live.admin() as admin:
        answer = admin.get("/v1/admin/audit", params=query)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["data"]
    return entries


def test_what_admins_do_to_a_user_is_in_the_log(live: LiveServer, person: Person) -> None:
    import_version(live, person)
    with live.admin() as admin:
        for action, body in (
            ("promote", {"version": 1}),
            ("rollback", None),
            ("freeze", None),
            ("unfreeze", None),
        ):
            admin.post(f"/v1/admin/adapters/{person.id}/{action}", json=body).raise_for_status()
        admin.post(f"/v1/admin/users/{person.id}/key").raise_for_status()
    entries = audit(live, user=person.id)
    assert [each["action"] for each in entries] == [
        "key made",
        "unfroze",
        "froze",
        "rolled back",
        "promoted",
        "account made",
    ]
    promoted = entries[4]
    assert (promoted["by"], promoted["from"], promoted["to"]) == ("admin", "base", "v1")
    assert {each["user_name"] for each in entries} == {person.name}
    assert {each["by"] for each in entries} == {"admin"}


def test_the_log_names_who_made_a_key_until_that_admin_is_erased(live: LiveServer) -> None:
    maker = live.new_person("admin")
    with live.client(maker.key) as client:
        made = client.post("/v1/admin/users", json={"name": f"made-by-{maker.id[-8:]}"}).json()
    assert [each["by"] for each in audit(live, user=made["id"])] == [maker.name] * 2
    with live.admin() as admin:
        admin.delete(f"/v1/admin/users/{maker.id}").raise_for_status()
    entries = audit(live, user=made["id"])
    assert {each["action"] for each in entries} == {"key made", "account made"}
    assert [each["by"] for each in entries] == [None] * 2


def test_a_frontend_made_its_users_and_the_server_the_first_admin(
    live: LiveServer, frontend: Person
) -> None:
    live.chat(frontend.key, user="ann")
    (user,) = live.services.accounts.users_of(frontend.id)
    assert [each["by"] for each in audit(live, user=user.id)] == [frontend.name]
    assert "server" in {each["by"] for each in audit(live, user="admin")}


def test_changes_to_feedback_are_in_the_log_of_their_user_alone(
    live: LiveServer, person: Person
) -> None:
    target = live.chat(person.key)["id"]
    with live.client(person.key) as client:
        client.post("/v1/feedback", json={"target": target, "value": "up"}).raise_for_status()
    (given,) = [each for each in audit(live, user=person.id) if "feedback" in each["action"]]
    assert (given["action"], given["by"]) == ("feedback created", person.name)
    assert not [each for each in audit(live) if "feedback" in each["action"]]


def test_an_erased_user_is_a_hash_in_the_log(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        admin.delete(f"/v1/admin/users/{person.id}").raise_for_status()
    newest = audit(live)[0]
    assert (newest["action"], newest["user"], newest["user_name"]) == ("erased", None, None)
    assert len(newest["user_hash"]) == 64
    assert person.id not in str(audit(live, limit=200))


def test_pages_of_the_log_have_every_entry_once(live: LiveServer, person: Person) -> None:
    with live.admin() as admin:
        for action in ("freeze", "unfreeze", "freeze"):
            admin.post(f"/v1/admin/adapters/{person.id}/{action}").raise_for_status()
        paged: list[str] = []
        query: dict[str, str | int] = {"user": person.id, "limit": 2}
        has_more = True
        while has_more:
            answer = admin.get("/v1/admin/audit", params=query).json()
            paged += [each["id"] for each in answer["data"]]
            has_more, query["after"] = answer["has_more"], answer["last_id"]
    assert paged == [each["id"] for each in audit(live, user=person.id)]
    assert len(paged) == 5


@pytest.mark.parametrize(("field", "value"), [("after", "x"), ("limit", "0"), ("limit", "201")])
def test_a_bad_page_of_the_log_is_refused(live: LiveServer, field: str, value: str) -> None:
    with live.admin() as admin:
        assert_refused(admin.get("/v1/admin/audit", params={field: value}), 400, field)


def test_thumbs_are_counted_by_day(live: LiveServer, person: Person) -> None:
    with live.client(person.key) as client:
        for said in ({"value": "up"}, {"value": "down"}, {"correction": "no"}):
            target = live.chat(person.key)["id"]
            client.post("/v1/feedback", json={"target": target, **said}).raise_for_status()
    with live.admin() as admin:
        found = admin.get("/v1/admin/activity", params={"user": person.id}).json()
        everybody = admin.get("/v1/admin/activity").json()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert found["days"] == [{"day": today, "up": 1, "down": 1, "corrections": 1}]
    assert found["tokens"]["prompt"] > 0 < found["tokens"]["completion"]
    assert everybody["tokens"] is None
    assert everybody["days"][-1]["up"] >= 1


@pytest.mark.parametrize("days", ["0", "367", "x"])
def test_a_bad_number_of_days_is_refused(live: LiveServer, days: str) -> None:
    with live.admin() as admin:
        assert_refused(admin.get("/v1/admin/activity", params={"days": days}), 400, "days")
