"""The pages have no fault that axe finds: in light and dark, on a desktop and on a phone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.server.browser import CHROMIUM, DESKTOP, PHONE, Profiles
from tests.server.distilled import REPORT
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import put_version_to_use

AXE = Path(__file__).parents[3] / ".ci" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed"),
]

LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in (DESKTOP, PHONE)]


def violations(page: Page) -> list[str]:
    """What axe finds in each look of the page, with the elements."""
    page.emulate_media(reduced_motion="reduce")  # colours do not change slowly
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = []
    for scheme, (width, height) in LOOKS:
        page.evaluate("scheme => (document.documentElement.dataset.theme = scheme)", scheme)
        page.set_viewport_size({"width": width, "height": height})
        result: list[dict[str, Any]] = page.evaluate(
            "async () => (await axe.run({ resultTypes: ['violations'] })).violations"
        )
        for each in result:
            places = [node["target"] for node in each["nodes"]]
            found.append(f"{scheme}, {width} px: {each['id']} at {places}")
    return found


@pytest.fixture
def learner(live: LiveServer, person: Person) -> Person:
    """A user with a corrected reply and a version that learned."""
    target = live.chat(person.key, "When do you open?")["id"]
    with live.client(person.key) as client:
        body = {"target": target, "correction": "# Hours\n\n| day | from |\n|-|-|\n| all | $9$ |"}
        client.post("/v1/feedback", json=body).raise_for_status()
    put_version_to_use(live, person, REPORT.to_json())
    return person


def test_the_chat_page_is_accessible(profiles: Profiles, live: LiveServer, learner: Person) -> None:
    with profiles.page(live.url) as page:
        page.goto(f"/#key={learner.key}")
        page.get_by_role("button", name="When do you open?", exact=True).click()
        page.get_by_text("Before and after").click()
        expect(page.get_by_text("corrected by you")).to_be_visible()
        page.get_by_label("Bad reply").click()
        expect(page.get_by_role("heading", name="What was wrong?")).to_be_visible()
        assert violations(page) == []


def test_the_sign_in_is_accessible(profiles: Profiles, live: LiveServer) -> None:
    with profiles.page(live.url) as page:
        page.goto("/")
        expect(page.get_by_label("Key", exact=True)).to_be_visible()
        assert violations(page) == []


@pytest.mark.parametrize("view", ["#/", "#/trainings", "#/log", "#/users/"])
def test_a_view_of_the_admin_page_is_accessible(
    profiles: Profiles, live: LiveServer, learner: Person, view: str
) -> None:
    view += learner.id if view.endswith("users/") else ""
    with profiles.page(live.url) as page:
        page.goto(f"/admin#key={live.admin_key}")
        expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()
        page.goto(f"/admin{view}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if view.startswith("#/users/"):
            page.get_by_text("v2", exact=True).first.click()
            page.get_by_text("What it was taught").first.click()
            expect(page.get_by_role("cell", name="Hours").first).to_be_visible()
        assert violations(page) == []
