"""What users and admins do about the organisation's adapter, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.server.browser import CHROMIUM, PATIENCE_MS, Profiles
from tests.server.live import LiveServer, running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def live(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with an organisation."""
    data = tmp_path_factory.mktemp("organisation-page") / "data"
    schedule = {"interval": 0, "nightly": ""}
    with running(tiny_model, data, schedule=schedule, threads=1, organisation=True) as server:
        yield server


def test_a_user_shares_with_a_click(live: LiveServer, profiles: Profiles) -> None:
    person = live.new_person()
    with profiles.page(live.url) as page:
        page.goto(f"/#key={person.key}")
        shares = page.get_by_label("Let it learn from my feedback")
        expect(shares).not_to_be_checked()
        expect(page.get_by_label("Answer me with what")).to_be_checked()
        with page.expect_response("**/v1/me/organisation"):
            shares.check()
        page.reload()
        expect(shares).to_be_checked()
    assert live.services.stores.log.choice(person.id).shares


def test_an_admin_adds_and_deletes_a_document(live: LiveServer, profiles: Profiles) -> None:
    with profiles.page(live.url) as page:
        page.goto(f"/admin#key={live.admin_key}")
        page.get_by_role("link", name="Organisation", exact=True).click()
        page.get_by_label("Name").fill("Handbook")
        page.get_by_label("Text", exact=True).fill("The office opens at 9.")
        page.get_by_role("button", name="Add").click()
        row = page.get_by_role("row").filter(has_text="Handbook")
        expect(row).to_contain_text("tonight")
        row.get_by_role("link", name="Handbook").click()
        expect(page.get_by_text("Nothing of it is taught yet.")).to_be_visible()
        row.get_by_role("button", name="Delete Handbook").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        expect(row).to_have_count(0)
    assert live.services.stores.documents.all() == []
