"""The admin page, in a real browser against a real server."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.server.browser import CHROMIUM, PATIENCE_MS, PHONE, Profiles
from tests.server.distilled import REPORT
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version, put_version_to_use
from tests.server.suite import give_verdict, let_the_base_be_ideal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def page(profiles: Profiles, live: LiveServer) -> Iterator[Page]:
    """The list of users, as an admin sees it."""
    with profiles.page(live.url) as opened:
        opened.goto(f"/admin#key={live.admin_key}")
        expect(opened.get_by_role("heading", name="Users", exact=True)).to_be_visible()
        yield opened


def open_user(page: Page, person: Person) -> None:
    """Open a user's page with a click on the name."""
    page.get_by_role("link", name=person.name, exact=True).click()
    expect(page.get_by_role("heading", name=person.name, exact=True)).to_be_visible()


def confirm(page: Page, action: str) -> None:
    """Press a button of the open dialog."""
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()


def start_promotion(page: Page, live: LiveServer, person: Person) -> None:
    """Import a version and press "Promote"; the page then asks for confirmation."""
    import_version(live, person)
    page.reload()
    open_user(page, person)
    page.get_by_text("v1", exact=True).first.click()
    page.get_by_role("button", name="Promote v1").click()


def active(live: LiveServer, person: Person) -> str:
    """The version that answers this user."""
    with live.admin() as admin:
        return str(admin.get(f"/v1/admin/adapters/{person.id}").json()["active"])


def test_a_frontend_that_names_nobody_is_shown_with_what_to_do(
    page: Page, live: LiveServer, frontend: Person
) -> None:
    live.chat(frontend.key)
    page.reload()
    notice = page.get_by_text(f"1 request of the frontend “{frontend.name}” named nobody")
    expect(notice).to_contain_text("trust_identity_headers")


def test_a_frontends_user_has_the_name_that_the_frontend_says(
    page: Page, live: LiveServer, frontend: Person
) -> None:
    accounts = live.services.accounts
    accounts.acting_user(accounts.find(frontend.id), "42", time.time(), "Lee of the page")
    page.reload()
    row = page.get_by_role("row").filter(has_text=f"{frontend.name}:42")
    expect(row).to_contain_text("Lee of the page")


def test_a_users_key_does_not_open_the_page(
    profiles: Profiles, live: LiveServer, person: Person
) -> None:
    with profiles.page(live.url) as page:
        page.goto(f"/admin#key={person.key}")
        expect(page.get_by_role("alert")).to_contain_text("not an admin")
        expect(page.get_by_role("heading", name="Users")).to_have_count(0)


def test_a_new_user_gets_a_key_that_is_shown_once(page: Page, live: LiveServer) -> None:
    page.get_by_role("button", name="New user").click()
    page.get_by_label("Name", exact=True).fill("made on the page")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key").inner_text()
    with live.client(key) as client:
        assert client.get("/v1/me").json()["user"]["name"] == "made on the page"
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("link", name="made on the page")).to_be_visible()


def test_a_taken_name_is_refused_with_the_reason(page: Page, person: Person) -> None:
    page.get_by_role("button", name="New user").click()
    page.get_by_label("Name", exact=True).fill(person.name)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("taken")


def test_markup_in_a_name_is_shown_as_text(page: Page, live: LiveServer) -> None:
    name = "<img src=x onerror=document.body.remove()>"
    with live.admin() as admin:
        admin.post("/v1/admin/users", json={"name": name})
    page.reload()
    expect(page.get_by_text(name)).to_be_visible()
    assert page.locator("main img").count() == 0


def test_a_lost_key_is_replaced(page: Page, live: LiveServer, person: Person) -> None:
    page.reload()
    open_user(page, person)
    page.get_by_role("button", name="New key").click()
    confirm(page, "Make a new key")
    key = page.locator("#new-key").inner_text()
    with live.client(person.key) as old, live.client(key) as new:
        assert old.get("/v1/me").status_code == 401
        assert new.get("/v1/me").status_code == 200


def test_a_version_is_promoted_and_rolled_back(
    page: Page, live: LiveServer, person: Person
) -> None:
    start_promotion(page, live, person)
    confirm(page, "Promote")
    expect(page.get_by_text("answers now", exact=True)).to_be_visible()
    assert active(live, person) == "v1"
    page.get_by_role("button", name="Roll back").click()
    confirm(page, "Roll back")
    expect(page.get_by_text("answers now", exact=True)).to_have_count(0)
    assert active(live, person) == "base"


def test_a_version_shows_its_teacher_and_measures(
    page: Page, live: LiveServer, person: Person
) -> None:
    put_version_to_use(live, person, REPORT.to_json())
    page.reload()
    open_user(page, person)
    page.get_by_text("v1", exact=True).first.click()
    expect(page.get_by_text("4 of 5 texts are likelier.").first).to_be_visible()
    row = page.get_by_role("row", name="adherence")
    cells = row.get_by_role("cell")
    expect(cells).to_contain_text(
        ["adherence", "0.00", "–", "0.70", "0.50", "12", "70% of the way"]
    )


def test_a_verdict_is_said_in_two_sentences(page: Page, live: LiveServer, person: Person) -> None:
    put_version_to_use(live, person, REPORT.to_json())
    page.reload()
    open_user(page, person)
    said = "Not shown to be better yet, and no measure is worse than allowed (1 measure met)."
    expect(page.get_by_text(said)).to_be_visible()


def test_a_user_is_found_by_a_part_of_the_name(
    page: Page, live: LiveServer, person: Person
) -> None:
    other = live.new_person()
    page.get_by_role("searchbox", name="Search users").fill(person.id)
    expect(page.get_by_role("link", name=person.name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=other.name, exact=True)).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("1 user")


def test_a_heading_sorts_the_users_and_sorts_them_back(page: Page, live: LiveServer) -> None:
    heading = page.get_by_role("columnheader", name="Name")
    for direction in ("ascending", "descending"):
        page.get_by_role("button", name="Name").press("Enter")
        expect(heading).to_have_attribute("aria-sort", direction)
        expect(page.get_by_role("button", name="Name")).to_be_focused()
    with live.admin() as admin:
        first = admin.get("/v1/admin/users?sort=name&order=desc&limit=1").json()["data"][0]
    expect(page.locator("tbody tr a").first).to_have_text(first["name"])


def test_the_next_page_of_users_follows_on_request(page: Page, live: LiveServer) -> None:
    for _ in range(60 - min(60, live.services.accounts.count())):
        live.new_person()
    page.reload()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(rows).not_to_have_count(50)


def test_a_version_shows_what_it_was_taught(page: Page, live: LiveServer, person: Person) -> None:
    target = live.chat(person.key, "When do you open?")["id"]
    with live.client(person.key) as client:
        body = {"target": target, "correction": "At <b>nine</b>, every day."}
        client.post("/v1/feedback", json=body).raise_for_status()
    put_version_to_use(live, person, REPORT.to_json())
    page.reload()
    open_user(page, person)
    page.get_by_text("What it was taught").first.click()
    expect(page.get_by_role("cell", name="At <b>nine</b>, every day.").first).to_be_visible()
    page.get_by_label("v2 compared with").select_option("v1")
    expect(page.get_by_role("row", name="Examples").get_by_role("cell").nth(1)).to_have_text("0")


def test_an_admin_asks_the_base_and_a_version_the_same(
    page: Page, live: LiveServer, person: Person
) -> None:
    put_version_to_use(live, person)
    page.reload()
    open_user(page, person)
    page.get_by_text("Ask it something").first.click()
    page.get_by_label("Prompt", exact=True).first.fill("hello")
    page.get_by_role("button", name="Ask", exact=True).first.click()
    answers = page.locator(".replies dt")
    expect(answers).to_have_text(["Base model", "v2"])
    assert live.services.stores.log.storage_use(person.id).items == 0


def test_the_log_says_who_promoted_what(page: Page, live: LiveServer, person: Person) -> None:
    put_version_to_use(live, person)
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.get_by_role("heading", name="Log")).to_be_visible()
    row = page.get_by_role("row", name=re.compile(f"{person.name} promoted base → v2"))
    expect(row).to_contain_text("admin")


def test_a_version_shows_the_results_of_the_evaluation_suite(
    page: Page, live: LiveServer, person: Person
) -> None:
    import_version(live, person)
    give_verdict(live, person)
    page.reload()
    open_user(page, person)
    page.get_by_text("v1", exact=True).first.click()
    part = page.get_by_role("region", name="Evaluation suite of v1")
    expect(part.get_by_text("refused")).to_be_visible()
    expect(part.get_by_text("It follows 10 of 40 instructions")).to_be_visible()
    drawn = "instruction following: base model 50 %, v1 25 %"
    expect(part.get_by_role("img", name=drawn)).to_be_visible()
    part.get_by_text("Worse on, for example").click()
    expect(part.get_by_text("Answer in <b>one</b> word.")).to_be_visible()


def test_the_evaluation_suite_is_started_and_followed_to_its_end(
    page: Page, live: LiveServer, person: Person
) -> None:
    let_the_base_be_ideal(live)
    import_version(live, person)
    stores, other = live.services.stores, live.new_person()
    # The version cannot be loaded, and the suite waits until the training of `other` has ended.
    stores.files.remove(stores.registry.version(person.id, 1))
    stores.runs.create(other.id, trigger="request", requested_by="test", at=time.time())
    page.reload()
    open_user(page, person)
    page.get_by_text("v1", exact=True).first.click()
    page.get_by_role("button", name="Run the suite").click()
    expect(page.get_by_role("progressbar", name="Evaluation suite")).to_be_visible()
    expect(page.get_by_role("button", name="Run the suite")).to_be_disabled()
    stores.runs.erase(other.id)
    expect(page.get_by_text(re.compile("could not be tried"))).to_be_visible()
    expect(page.get_by_role("button", name="Run the suite")).to_be_enabled()


def test_a_promotion_that_is_not_confirmed_changes_nothing(
    page: Page, live: LiveServer, person: Person
) -> None:
    start_promotion(page, live, person)
    confirm(page, "Cancel")
    assert active(live, person) == "base"


def test_a_frozen_user_cannot_be_trained(page: Page, person: Person) -> None:
    page.reload()
    open_user(page, person)
    page.get_by_role("button", name="Freeze").click()
    confirm(page, "Freeze")
    expect(page.get_by_role("button", name="Train now")).to_be_disabled()
    page.get_by_role("button", name="Unfreeze").click()
    expect(page.get_by_role("button", name="Train now")).to_be_enabled()


def test_a_training_shows_how_it_ended(page: Page, person: Person) -> None:
    page.reload()
    open_user(page, person)
    page.get_by_role("button", name="Train now").click()
    expect(page.get_by_role("table")).to_contain_text("nothing to learn from")
    page.get_by_role("link", name="Training", exact=True).click()
    expect(page.get_by_role("link", name=person.name, exact=True).first).to_be_visible()


def test_a_version_is_downloaded_as_an_archive(
    page: Page, live: LiveServer, person: Person, tmp_path: Path
) -> None:
    import_version(live, person)
    page.reload()
    open_user(page, person)
    page.get_by_text("v1", exact=True).first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Download")).click()
    archive = tmp_path / "v1.zip"
    download.value.save_as(archive)
    assert archive.read_bytes().startswith(b"PK")


def test_an_erased_user_is_gone(page: Page, live: LiveServer, person: Person) -> None:
    page.reload()
    open_user(page, person)
    page.get_by_role("button", name="Erase user").click()
    page.get_by_label(re.compile("to go on")).fill(person.name)
    confirm(page, "Erase")
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=person.name, exact=True)).to_have_count(0)
    with live.client(person.key) as client:
        assert client.get("/v1/me").status_code == 401


@pytest.mark.parametrize("view", ["", "#/trainings", "#/log", "#/users/"])
def test_a_phone_needs_no_sideways_scrolling(
    profiles: Profiles, live: LiveServer, person: Person, view: str
) -> None:
    import_version(live, person)
    view += person.id if view.endswith("users/") else ""
    with profiles.page(live.url, PHONE) as page:
        page.goto(f"/admin#key={live.admin_key}")
        expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()
        page.goto(f"/admin{view}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
