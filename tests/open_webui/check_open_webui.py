"""What two people do in a real Open WebUI arrives at Loralei, once. For `make test-openwebui`.

Every step is taken on the page, except these: ratings are deleted, and titles and tags switched on,
through Open WebUI's own API.
"""

import io
import itertools
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from playwright.sync_api import Browser

from adapters_store.models.built_in import SMALLEST
from server.cli.open_webui.recipe import FUNCTION, Identity, open_webui_environment
from tests.open_webui.page import ChatPage, chat_page
from tests.open_webui.running import Member, install_function, new_member, open_webui
from tests.server.browser import chromium
from tests.server.live import LiveServer, Person, listening
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)

SECRET = "a secret that both servers know, and nobody else"
PEOPLE = ("anna", "ben")
LOADING_SECONDS = 900  # the first time, the model is fetched
NUMBERS = itertools.count(1000)
NO_TASKS = dict.fromkeys(
    ("ENABLE_FOLLOW_UP_GENERATION", "ENABLE_TITLE_GENERATION", "ENABLE_TAGS_GENERATION"), "false"
)


@dataclass(frozen=True)
class World:
    """Both servers, and who uses them."""

    loralei: LiveServer
    frontend: Person
    secret: str | None
    admin: Member
    people: Mapping[str, Member]

    def client(self, member: Member) -> httpx.Client:
        """Loralei's API as Open WebUI speaks to it for this person."""
        if self.secret is None:
            return self.loralei.client(self.frontend.key, **{"x-openwebui-user-id": member.id})
        now = int(time.time())
        claims = {"sub": member.id, "iss": "open-webui", "iat": now, "exp": now + 300}
        token = jwt.encode(claims, self.secret, algorithm="HS256")
        return self.loralei.client(self.frontend.key, **{"x-openwebui-user-jwt": token})


@dataclass(frozen=True)
class Judge:
    """A person with a new chat on the page, and what Loralei has stored of this chat."""

    world: World
    member: Member
    page: ChatPage
    prompt: str

    def rows(self) -> list[dict[str, Any]]:
        """Everything of this person at Loralei; nothing if Loralei does not know them yet."""
        with self.world.client(self.member) as client:
            answer = client.get("/v1/me/export")
        if answer.status_code == 404:
            return []
        archive = zipfile.ZipFile(io.BytesIO(answer.raise_for_status().content))
        return [json.loads(line) for line in archive.read("feedback.jsonl").splitlines()]

    def turns(self) -> list[dict[str, Any]]:
        """The turns of this chat, oldest first, without background requests."""
        return [each for each in self.exchanges() if each["kind"] == "chat"]

    def exchanges(self) -> list[dict[str, Any]]:
        """Every exchange that has this chat's prompt in it."""
        return [
            row
            for row in self.rows()
            if row["type"] == "interaction" and self.prompt in json.dumps(row["messages"])
        ]

    def feedback(self) -> list[dict[str, Any]]:
        """The feedback on this chat, as `GET /v1/feedback` gives it."""
        with self.world.client(self.member) as client:
            data = client.get("/v1/feedback").raise_for_status().json()["data"]
        turns = {turn["id"] for turn in self.turns()}
        return [each for each in data if each["target"] in turns]

    def only_feedback(self, **fields: Any) -> dict[str, Any]:
        """The one item of feedback on this chat, once it has these values."""

        def has_arrived() -> bool:
            return any(fields.items() <= each.items() for each in self.feedback())

        wait_until(has_arrived, seconds=120)
        (item,) = self.feedback()
        return item


@pytest.fixture(scope="module", params=["plain headers", "signed"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Loralei and Open WebUI, connected as `loralei connect open-webui` says."""
    folder = tmp_path_factory.mktemp("open-webui")
    secret = SECRET if request.param == "signed" else None
    options: dict[str, Any] = {"openwebui_jwt_secret": secret} if secret else {}
    options |= {"trust_identity_headers": secret is None, "max_new_tokens": 16}
    schedule = {"interval": 0, "nightly": ""}
    with listening(
        Path(SMALLEST), folder / "loralei", schedule=schedule, threads=1, **options
    ) as loralei:
        assert loralei.services.wait_until_loaded(LOADING_SECONDS), loralei.services.failure
        frontend = loralei.new_person("frontend")
        url = f"{loralei.url}/v1"
        environment = open_webui_environment(url, frontend.key, Identity(secret, None))
        with open_webui(folder / "open-webui", {**environment, **NO_TASKS}) as admin:
            valves = {"base_url": url, "frontend_key": frontend.key}
            install_function(admin, FUNCTION.read_text(encoding="utf-8"), valves)
            people = {name: new_member(admin, name) for name in PEOPLE}
            yield World(loralei, frontend, secret, admin, people)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=PEOPLE)
def judge(request: pytest.FixtureRequest, world: World, browser: Browser) -> Iterator[Judge]:
    member = world.people[request.param]
    prompt = f"Question {next(NUMBERS)} of {request.param}: why is the sky blue?"
    with chat_page(browser, member) as page:
        yield Judge(world, member, page, prompt)


def test_a_chat_is_stored_once_for_the_person_who_had_it(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    (turn,) = judge.turns()
    assert (turn["status"], turn["messages"][-1]["content"]) == ("complete", judge.prompt)
    for other in judge.world.people.values():
        if other != judge.member:
            assert Judge(judge.world, other, judge.page, judge.prompt).turns() == []


def test_a_stopped_reply_is_stored_as_stopped(judge: Judge) -> None:
    settings = {"ui": {"params": {"max_tokens": 1500}}}
    judge.member.call("POST", "/users/user/settings/update", settings)
    try:
        judge.page.open()
        judge.page.begin(f"{judge.prompt} Tell a very long story about it.")
        judge.page.stop()
    finally:
        judge.member.call("POST", "/users/user/settings/update", {"ui": {}})
    wait_until(lambda: judge.turns())
    assert [turn["status"] for turn in judge.turns()] == ["aborted"]
    assert judge.feedback() == []


def test_a_thumb_up_arrives_once(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.thumb("Good")
    item = judge.only_feedback(value=1, status="applied")
    assert (item["comment"], item["reason"], item["preferred_over"]) == (None, None, None)


def test_a_thumb_down_arrives_with_reason_comment_and_score(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.thumb("Bad")
    judge.page.explain(score=2, reason="Too verbose", comment="Say it in one word.")
    item = judge.only_feedback(value=-1, comment="Say it in one word.")
    assert (item["reason"], item["metadata"]) == ("too_verbose", {"score": "2"})


def test_the_other_thumb_replaces_the_first_and_what_was_said_with_it(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.thumb("Good")
    judge.page.explain(score=9, reason="Attention to detail", comment="A good length.")
    judge.only_feedback(value=1, comment="A good length.")
    judge.page.thumb("Bad")
    item = judge.only_feedback(value=-1)
    assert (item["comment"], item["reason"], item["metadata"]) == (None, None, {})


def test_a_regenerated_reply_that_is_liked_is_preferred_over_the_first(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.regenerate()
    judge.page.thumb("Good")
    first, second = judge.turns()
    item = judge.only_feedback(value=1)
    assert (item["target"], item["preferred_over"]) == (second["id"], first["id"])


def test_an_edited_reply_arrives_once_as_a_correction(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.edit("because blue light scatters most")
    judge.only_feedback(correction="because blue light scatters most")
    judge.page.edit("blue light scatters most")
    item = judge.only_feedback(correction="blue light scatters most")
    assert item["target"] == judge.turns()[0]["id"]


@pytest.mark.parametrize("by", ["its author", "an admin"])
def test_a_rating_that_is_deleted_there_is_deleted_here(judge: Judge, by: str) -> None:
    judge.page.say(judge.prompt)
    judge.page.thumb("Good")
    rating = judge.only_feedback(value=1)["id"].removeprefix("openwebui-")
    deleter = judge.member if by == "its author" else judge.world.admin
    deleter.call("DELETE", f"/evaluations/feedback/{rating}")
    wait_until(lambda: not judge.feedback())
    assert len(judge.turns()) == 1


def test_a_message_that_is_deleted_there_is_deleted_here(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.regenerate()
    first, second = judge.turns()
    judge.page.thumb("Good")
    judge.only_feedback(value=1)
    judge.page.delete_last_reply()
    wait_until(lambda: judge.turns() == [first])
    assert judge.feedback() == []


def test_a_chat_that_is_deleted_there_is_deleted_here(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.thumb("Good")
    judge.only_feedback(value=1)
    judge.page.delete_chat()
    wait_until(lambda: not judge.exchanges())


def test_a_temporary_chat_is_not_stored(judge: Judge) -> None:
    judge.page.open(temporary=True)
    judge.page.say(judge.prompt)
    assert judge.exchanges() == []


def test_the_export_of_ratings_is_imported_for_another_frontend(judge: Judge) -> None:
    judge.page.say(judge.prompt)
    judge.page.thumb("Good")
    given = judge.only_feedback(value=1)
    export = judge.world.admin.call("GET", "/evaluations/feedbacks/all/export")
    loralei, other = judge.world.loralei, judge.world.loralei.new_person("frontend")
    with loralei.admin() as admin:
        path = f"/v1/admin/users/{other.id}/feedback/open-webui"
        first = admin.post(path, json=export).raise_for_status().json()
        again = admin.post(path, json=export).raise_for_status().json()
        people = admin.get("/v1/admin/users").json()["data"]
    assert (first["skipped"], again["rows"]) == ([], 0)
    (person,) = [each for each in people if each["name"] == f"{other.name}:{judge.member.id}"]
    rows = {row["id"]: row for row in loralei.services.stores.log.export(person["id"])}
    imported = rows[given["id"]]
    assert (imported["value"], imported["status"]) == (1, "applied")
    turn = rows[imported["target"]]
    assert turn["messages"] == [{"role": "user", "content": judge.prompt}]
    assert turn["replies"] == judge.turns()[0]["replies"]


def test_titles_and_tags_are_no_turns(judge: Judge) -> None:
    tasks = judge.world.admin.call("GET", "/tasks/config")
    wanted = {"ENABLE_TITLE_GENERATION": True, "ENABLE_TAGS_GENERATION": True}
    judge.world.admin.call("POST", "/tasks/config/update", {**tasks, **wanted})
    try:
        judge.page.say(judge.prompt)
        wait_until(lambda: len(judge.exchanges()) == 3, seconds=300)
    finally:
        judge.world.admin.call("POST", "/tasks/config/update", tasks)
    assert len(judge.turns()) == 1
