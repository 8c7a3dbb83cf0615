"""Proposals on the chat page, in a real browser against a real server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.feedback.make import make_proposal
from tests.server.browser import CHROMIUM, PATIENCE_MS, PHONE, chromium, new_page
from tests.server.live import LiveServer, Person
from tests.server.routes.test_proposals import ASKED, PATH, list_proposals, teach
from tests.server.web.test_pages import sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

expect.set_options(timeout=PATIENCE_MS)
INSTRUCTIONS = ("What is rain?", "Who was Ada Lovelace?", "<b>Where</b> is Oslo?")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def user(babbling: LiveServer) -> Person:
    """A user with three proposals."""
    person = babbling.new_person()
    for number, text in enumerate(INSTRUCTIONS):
        proposal = make_proposal(
            f"proposal-{number}",
            person.id,
            instruction=text,
            reply=f"reply **{number}**",
            rules=("Writes everything in lower case.",),
            created_at=float(number),
        )
        babbling.services.stores.proposals.add([proposal])
    return person


@pytest.fixture
def page(browser: Browser, babbling: LiveServer, user: Person) -> Iterator[Page]:
    """The chat page, signed in."""
    with new_page(browser, babbling.url) as opened:
        sign_in(opened, user.key)
        yield opened


def statuses(live: LiveServer, user: Person) -> list[str]:
    """The status of each proposal on the server, oldest first."""
    return [row["status"] for row in list_proposals(live, user)["data"]]


def test_a_proposal_is_read_and_approved_from_the_keyboard(
    page: Page, babbling: LiveServer, user: Person
) -> None:
    page.get_by_role("button", name="Decide on 3").press("Enter")
    entries = page.get_by_role("list", name="Proposals").get_by_role("listitem")
    expect(entries).to_have_count(3)
    expect(entries.first).to_contain_text("What is rain?")
    expect(entries.first.locator(".text strong")).to_have_text("0")
    expect(entries.first).to_contain_text("Rewritten by your rules: Writes everything in lower")
    expect(entries.first.get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")
    expect(entries).to_have_count(2)
    expect(entries.first.get_by_role("button", name="Approve")).to_be_focused()
    assert statuses(babbling, user) == ["approved", "proposed", "proposed"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Decide on 2")).to_be_visible()


def test_dropping_a_proposal_can_be_undone(page: Page, babbling: LiveServer, user: Person) -> None:
    page.get_by_role("button", name="Decide on 3").click()
    page.get_by_role("button", name="Drop").first.click()
    expect(page.get_by_text("Dropped.")).to_be_visible()
    assert statuses(babbling, user) == ["dropped", "proposed", "proposed"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The proposal is open again.")).to_be_visible()
    assert statuses(babbling, user) == ["proposed"] * 3


def test_an_edited_proposal_is_approved_as_edited(
    page: Page, babbling: LiveServer, user: Person
) -> None:
    page.get_by_role("button", name="Decide on 3").click()
    page.get_by_role("button", name="Edit").first.click()
    reply = page.get_by_label("Reply", exact=True)
    expect(reply).to_be_focused()
    reply.press("Escape")  # leaves the editor, not the list
    page.get_by_role("button", name="Edit").first.click()
    reply.fill("")
    page.get_by_role("button", name="Approve as edited").click()
    expect(page.get_by_role("alert")).to_contain_text("empty")
    reply.fill("water that falls")
    page.get_by_role("button", name="Approve as edited").click()
    expect(page.get_by_text("Approved as edited.")).to_be_visible()
    first = list_proposals(babbling, user)["data"][0]
    assert (first["status"], first["reply"]) == ("approved", "water that falls")


def test_markup_in_an_instruction_is_shown_as_text(page: Page) -> None:
    page.get_by_role("button", name="Decide on 3").click()
    expect(page.get_by_text("<b>Where</b> is Oslo?", exact=True)).to_be_visible()


def test_writing_proposals_shows_progress_and_can_be_stopped(
    page: Page, babbling: LiveServer
) -> None:
    newcomer = babbling.new_person()
    teach(babbling, newcomer, *ASKED)
    sign_in(page, newcomer.key)
    expect(page.locator("#who")).to_have_text(newcomer.name)
    # More than the page asks for, so that the test can stop it in time.
    page.route(f"**{PATH}", lambda route: route.continue_(post_data='{"count": 200}'))
    page.get_by_role("button", name="Propose examples").click()
    expect(page.get_by_role("progressbar", name="Proposals")).to_be_visible()
    page.locator("#proposals").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Propose examples")).to_be_visible()


def test_without_feedback_the_page_says_what_to_do(page: Page) -> None:
    page.get_by_role("button", name="Propose examples").click()
    expect(page.get_by_role("alert")).to_contain_text("rate or correct a few replies first")


def test_a_phone_needs_no_sideways_scrolling(
    browser: Browser, babbling: LiveServer, user: Person
) -> None:
    with new_page(browser, babbling.url, PHONE) as page:
        sign_in(page, user.key)
        page.get_by_role("button", name="Chats and your model").click()
        page.get_by_role("button", name="Decide on 3").click()
        expect(page.get_by_role("button", name="Approve").first).to_be_visible()
        wide = "document.querySelector('dialog').scrollWidth"
        assert page.evaluate(wide) <= PHONE[0]
