"""A real browser for the page tests: Debian's Chromium, without a window."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = (1280, 860)
PHONE = (390, 800)
PATIENCE_MS = 60_000  # a busy machine


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser; every test takes a context of its own in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(browser: Browser, url: str, size: tuple[int, int] = DESKTOP) -> Iterator[Page]:
    """A page with nothing stored. Raises `AssertionError` at the end if a script failed."""
    troubles: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # A refused request is written to the console, too; the tests look at those themselves.
        if message.type == "error" and "Failed to load resource" not in message.text:
            troubles.append(message.text)

    width, height = size
    context = browser.new_context(base_url=url, viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", on_console)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert troubles == []
