"""Open WebUI's chat page in a browser: what a person does there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, expect

from tests.open_webui.running import Member
from tests.server.browser import DESKTOP

PATIENCE_MS = 120_000  # both models and both servers share the machine's cores


class ChatPage:
    """One chat of one person."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def chat_id(self) -> str:
        """Open WebUI's id of the chat."""
        return self._page.url.rpartition("/")[2]

    def open(self, *, temporary: bool = False) -> None:
        """A new chat."""
        self._page.goto("/?temporary-chat=true" if temporary else "/")
        self._page.locator("#chat-input").wait_for()

    def say(self, text: str) -> None:
        """Send the first message and wait for the whole reply."""
        self.begin(text)
        self._button("Regenerate").wait_for()

    def begin(self, text: str) -> None:
        """Send a message."""
        self._page.locator("#chat-input").click()
        self._page.keyboard.type(text)
        self._page.keyboard.press("Enter")

    def stop(self) -> None:
        """Stop the reply as soon as there is some of it."""
        reply = self._page.locator("#response-content-container")
        expect(reply).to_contain_text(re.compile(r"\w+ \w+"))
        self._button("Stop").click()
        self._button("Regenerate").wait_for()

    def regenerate(self) -> None:
        """Ask for another reply to the last message."""
        self._button("Regenerate").click()
        self._page.get_by_text("Try Again").click()
        self._page.get_by_text("2/2").wait_for()
        self._button("Regenerate").wait_for()

    def thumb(self, name: str) -> None:
        """Click `Good` or `Bad` of the last reply."""
        self._button(f"{name} Response").last.click()
        self._panel.wait_for()

    def explain(self, *, score: int, reason: str, comment: str) -> None:
        """Say why, in the panel that the thumb opened."""
        self._panel.get_by_role("button", name=f"Rate {score} out of 10").click()
        self._panel.get_by_text(reason).click()
        self._panel.locator("textarea").fill(comment)
        self._panel.get_by_role("button", name="Save").click()
        self._panel.wait_for(state="detached")

    def edit(self, text: str) -> None:
        """Replace the last reply's text."""
        self._button("Edit").last.click()
        self._page.locator("[id^=message-] textarea").fill(text)
        self._page.locator("#confirm-edit-message-button").click()
        self._page.get_by_text(text).wait_for()

    def delete_last_reply(self) -> None:
        """Delete the last reply, which must not be the only one to its message."""
        self._button("Delete").last.click()
        self._confirm()

    def delete_chat(self) -> None:
        """Delete the chat, in its menu."""
        self._button("Chat actions").click()
        self._page.get_by_text("Delete", exact=True).click()
        self._confirm()
        self._page.wait_for_url(lambda url: "/c/" not in url)

    def _confirm(self) -> None:
        self._page.get_by_role("button", name="Confirm").or_(
            self._page.get_by_role("dialog").get_by_role("button", name="Delete")
        ).first.click()

    @property
    def _panel(self) -> Locator:
        return self._page.locator("[id^=message-feedback-]")

    def _button(self, name: str) -> Locator:
        return self._page.get_by_role("button", name=name, exact=True)


@contextmanager
def chat_page(browser: Browser, member: Member) -> Iterator[ChatPage]:
    """A new chat of a person who is signed in."""
    width, height = DESKTOP
    context = browser.new_context(base_url=member.url, viewport={"width": width, "height": height})
    # The second is the version whose release notes the person has seen.
    context.add_init_script(
        f"localStorage.token = '{member.token}'; localStorage.version = '0.12.4'"
    )
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    try:
        page = ChatPage(context.new_page())
        page.open()
        yield page
    finally:
        context.close()
