"""One browser, and a profile for each server, for all tests of the pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.server.browser import Profiles, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for new devices."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="session")
def profiles(browser: Browser) -> Profiles:
    """Pages with nothing stored, one after the other."""
    return Profiles(browser)
