"""One browser, and a profile for each server, for the tests of a file.

No longer: while Playwright runs, its thread has an event loop, and other tests start their own.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.server.browser import Profiles, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for new devices."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def profiles(browser: Browser) -> Profiles:
    """Pages with nothing stored, one after the other."""
    return Profiles(browser)
