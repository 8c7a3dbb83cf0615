"""Admins search, sort and page through users."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version
from tests.server.test_bad_input import assert_refused


@pytest.fixture
def admin(live: LiveServer) -> Iterator[httpx.Client]:
    """A client of the first admin."""
    with live.admin() as client:
        yield client


@pytest.fixture(scope="module")
def people(live: LiveServer) -> list[Person]:
    """Five users whose names begin alike."""
    made = []
    with live.admin() as client:
        for name in ("list-cleo", "list-Ann", "list-bob", "list-d_v", "list-dev"):
            answer = client.post("/v1/admin/users", json={"name": name}).json()
            made.append(Person(answer["id"], name, answer["key"]))
    return made


def names(client: httpx.Client, **query: str | int) -> list[str]:
    """The names that a query finds."""
    answer = client.get("/v1/admin/users", params=query)
    assert answer.status_code == 200, answer.text
    return [user["name"] for user in answer.json()["data"]]


def test_a_part_of_a_name_finds_its_users(admin: httpx.Client, people: list[Person]) -> None:
    assert names(admin, search="LIST-B") == ["list-bob"]
    assert names(admin, search=people[0].id[8:]) == ["list-cleo"]


def test_a_wildcard_in_a_search_is_a_plain_character(
    admin: httpx.Client, people: list[Person]
) -> None:
    assert names(admin, search="list-d_v") == ["list-d_v"]
    assert names(admin, search="list-%") == []


def test_names_are_sorted_without_regard_to_case(admin: httpx.Client, people: list[Person]) -> None:
    found = names(admin, search="list-", sort="name")
    assert found[:3] == ["list-Ann", "list-bob", "list-cleo"]
    assert names(admin, search="list-", sort="name", order="desc") == found[::-1]


@pytest.mark.parametrize("sort", ["created", "name", "last_seen", "new_feedback", "version"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_have_every_user_once(
    admin: httpx.Client, people: list[Person], sort: str, order: str
) -> None:
    query: dict[str, str | int] = {"search": "list-", "sort": sort, "order": order}
    whole = names(admin, **query)
    paged: list[str] = []
    has_more = True
    while has_more:
        page = admin.get("/v1/admin/users", params={**query, "limit": 2}).json()
        assert page["total"] == len(people)
        paged += [user["name"] for user in page["data"]]
        has_more, query["after"] = page["has_more"], page["last_id"]
    assert paged == whole
    assert len(paged) == len(people)


def test_the_user_with_most_new_feedback_comes_first(
    live: LiveServer, admin: httpx.Client, people: list[Person]
) -> None:
    target = live.chat(people[2].key)["id"]
    with live.client(people[2].key) as client:
        client.post("/v1/feedback", json={"target": target, "value": "up"}).raise_for_status()
    assert names(admin, search="list-", sort="new_feedback", order="desc")[0] == "list-bob"


def test_users_are_found_by_their_state(live: LiveServer, admin: httpx.Client) -> None:
    owner, frozen, waiting = (live.new_person() for _ in range(3))
    import_version(live, owner)
    admin.post(f"/v1/admin/adapters/{owner.id}/promote", json={"version": 1}).raise_for_status()
    admin.post(f"/v1/admin/adapters/{frozen.id}/freeze").raise_for_status()
    runs = live.services.stores.runs
    run = runs.create(waiting.id, trigger="request", requested_by="test", at=time.time())
    assert names(admin, status="version", search=owner.id) == [owner.name]
    assert names(admin, status="base", search=owner.id) == []
    assert names(admin, status="training", search=waiting.id) == [waiting.name]
    assert names(admin, status="frozen", search=frozen.id) == [frozen.name]
    runs.request_cancel(run.id, time.time())
    assert names(admin, status="training", search=waiting.id) == []


def test_users_are_found_by_their_kind(admin: httpx.Client, frontend: Person) -> None:
    assert names(admin, kind="frontend", search=frontend.name) == [frontend.name]
    assert names(admin, kind="user", search=frontend.name) == []


def test_a_frontend_is_not_among_the_adapters(admin: httpx.Client, frontend: Person) -> None:
    found = admin.get("/v1/admin/adapters", params={"search": frontend.id}).json()
    assert (found["data"], found["total"]) == ([], 0)


def test_a_user_of_the_list_has_adapter_and_training_in_short(
    live: LiveServer, admin: httpx.Client, person: Person
) -> None:
    import_version(live, person)
    run = live.services.stores.runs.create(
        person.id, trigger="request", requested_by="test", at=1.0
    )
    live.services.stores.runs.request_cancel(run.id, 2.0)
    (user,) = admin.get("/v1/admin/users", params={"search": person.id}).json()["data"]
    assert user["size_bytes"] > 0
    assert (user["adapter"], user["learned"], user["new_feedback"]) == ("base", 0, 0)
    assert (user["last_run"]["id"], user["last_run"]["status"]) == (run.id, "cancelled")


def test_a_page_after_an_unknown_user_is_a_404(admin: httpx.Client) -> None:
    assert admin.get("/v1/admin/users", params={"after": "user-gone"}).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [("limit", "0"), ("limit", "1001"), ("search", "x" * 201), ("sort", "id"), ("kind", "god")],
)
def test_a_bad_query_is_refused(admin: httpx.Client, field: str, value: str) -> None:
    assert_refused(admin.get("/v1/admin/users", params={field: value}), 400, field)


def test_the_overview_counts_what_all_users_have(
    live: LiveServer, admin: httpx.Client, frontend: Person
) -> None:
    live.chat(frontend.key)
    import_version(live, live.new_person())
    overview = admin.get("/v1/admin/overview").json()
    assert overview["users"] == admin.get("/v1/admin/users", params={"limit": 1}).json()["total"]
    assert overview["size_bytes"] > 0
    (found,) = [each for each in overview["anonymous"] if each["user"] == frontend.id]
    assert (found["name"], found["requests"]) == (frontend.name, 1)
    assert "trust_identity_headers" in found["remedy"]
