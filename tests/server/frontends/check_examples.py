"""Clicks thumbs in the examples of docs/frontends/examples, in a browser: `make test-frontends`.

A file that pytest does not find by itself, because Gradio and Chainlit take 530 MB.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.server.browser import chromium
from tests.server.clients.environment import environment
from tests.server.live import LiveServer, Person
from tests.waiting import wait_until

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "docs" / "frontends" / "examples"
INSTALL_SECONDS = 1800
START_SECONDS = 120
CLICK_MS = 60_000


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of an environment that has Gradio and Chainlit."""
    return environment("frontends", HERE / "requirements.txt", INSTALL_SECONDS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def started(
    live: LiveServer, frontend: Person, folder: Path, command: list[str | Path], port: int
) -> Iterator[str]:
    """An application with the key of a frontend; yields its URL."""
    settings = {
        "LORALEI_URL": live.url,
        "LORALEI_KEY": frontend.key,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_SERVER_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: answers(url), START_SECONDS)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def feedback(live: LiveServer, frontend: Person) -> list[dict[str, Any]]:
    """What the guest of this frontend has said, oldest first."""
    with live.client(frontend.key) as client:
        answer = client.get("/v1/feedback", params={"user": "guest"})
    return list(answer.json().get("data", []))


def open_page(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(CLICK_MS)
    page.goto(url)
    return page


@pytest.mark.timeout(INSTALL_SECONDS + 600)
def test_a_thumb_and_an_edit_in_gradio_are_feedback(
    live: LiveServer, frontend: Person, python: Path, browser: Browser, tmp_path: Path
) -> None:
    command: list[str | Path] = [python, EXAMPLES / "gradio_app.py"]
    with started(live, frontend, tmp_path, command, free_port()) as url:
        page = open_page(browser, url)
        page.get_by_role("textbox").first.fill("Say hello.")
        page.keyboard.press("Enter")
        dislike = page.get_by_role("button", name="Dislike")
        dislike.wait_for()
        # Gradio forgets a thumb that was pressed before the reply had ended.
        page.locator(".stop-button").wait_for(state="hidden")
        dislike.click()
        wait_until(lambda: len(feedback(live, frontend)) == 1, 60)
        [rating] = feedback(live, frontend)
        page.get_by_role("button", name="Disliked").click()
        wait_until(lambda: feedback(live, frontend) == [], 60)
        page.get_by_role("button", name="Edit").last.click()
        page.get_by_role("textbox").first.fill("Hello!")
        page.get_by_role("button", name="Submit").click()
        wait_until(lambda: len(feedback(live, frontend)) == 1, 60)
    [correction] = feedback(live, frontend)
    assert (rating["value"], rating["status"]) == (-1, "applied")
    assert correction["correction"] == "Hello!"
    assert rating["target"] == correction["target"]


@pytest.mark.timeout(INSTALL_SECONDS + 600)
def test_a_thumb_in_chainlit_is_feedback(
    live: LiveServer, frontend: Person, python: Path, browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    app = EXAMPLES / "chainlit_app.py"
    chainlit = python.parent / "chainlit"
    command: list[str | Path] = [chainlit, "run", "--headless", "--port", str(port), app]
    with started(live, frontend, tmp_path, command, port) as url:
        page = open_page(browser, url)
        page.locator("#chat-input").fill("Say hello.")
        page.locator("#chat-submit").click()
        page.locator(".positive-feedback-off").click()
        page.get_by_role("dialog").locator("textarea").fill("just right")
        page.get_by_role("dialog").get_by_role("button", name="Submit").click()
        wait_until(lambda: len(feedback(live, frontend)) == 1, 60)
        [given] = feedback(live, frontend)
        page.locator(".positive-feedback-on").click()
        wait_until(lambda: feedback(live, frontend) == [], 60)
    assert (given["value"], given["status"]) == (1, "applied")
    assert given["comment"] == "just right"
