"""A real browser for the page tests: Debian's Chromium, without a window."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--process-per-site",  # a new page takes the process of the pages that are open
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
    """A page of a browser that knows nothing, as on a new device.

    Raises `AssertionError` at the end if a script failed.
    """
    context = _new_context(browser, url, size)
    troubles: list[str] = []
    try:
        yield _watched(context.new_page(), troubles)
    finally:
        context.close()
    assert troubles == []


class Profiles:
    """A browser profile for each server, for tests that follow each other.

    A profile keeps the files of the pages and a process, but nothing that a page stored.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._keepers: dict[str, Page] = {}

    @contextmanager
    def page(self, url: str, size: tuple[int, int] = DESKTOP) -> Iterator[Page]:
        """A page with nothing stored. Raises `AssertionError` at the end if a script failed."""
        keeper = self._keepers.get(url) or self._open(url)
        others = keeper.context.pages
        page = keeper.context.new_page()
        if size != DESKTOP:
            page.set_viewport_size({"width": size[0], "height": size[1]})
        troubles: list[str] = []
        try:
            yield _watched(page, troubles)
        finally:
            for each in keeper.context.pages:
                if each not in others:
                    each.close()
            keeper.evaluate("localStorage.clear()")
            keeper.context.clear_permissions()
        assert troubles == []

    def _open(self, url: str) -> Page:
        """A page of this server that does nothing and is never closed."""
        keeper = _new_context(self._browser, url, DESKTOP).new_page()
        keeper.goto("/web/shared/icon.svg")
        self._keepers[url] = keeper
        return keeper


def _new_context(browser: Browser, url: str, size: tuple[int, int]) -> BrowserContext:
    width, height = size
    context = browser.new_context(base_url=url, viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    return context


def _watched(page: Page, troubles: list[str]) -> Page:
    def on_console(message: ConsoleMessage) -> None:
        # A refused request is written to the console, too; the tests look at those themselves.
        if message.type == "error" and "Failed to load resource" not in message.text:
            troubles.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    return page
