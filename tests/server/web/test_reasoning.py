"""Reasoning on the chat page, in a real browser against a real server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.server.browser import CHROMIUM, PATIENCE_MS, Profiles
from tests.server.live import LiveServer, Person
from tests.server.web.test_pages import REPLY, correct, feedback, say, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

expect.set_options(timeout=PATIENCE_MS)
CONTENT = f"{REPLY} > .text"
REASONING = f"{REPLY} > details.reasoning"


@pytest.fixture
def user(thinking: LiveServer) -> Person:
    """A new user of a base model that thinks "Why?" and replies "Ok."."""
    return thinking.new_person()


@pytest.fixture
def page(profiles: Profiles, thinking: LiveServer, user: Person) -> Iterator[Page]:
    """The chat page, signed in."""
    with profiles.page(thinking.url) as opened:
        sign_in(opened, user.key)
        yield opened


def chat_bodies(page: Page) -> list[dict[str, Any]]:
    """The chat requests that the page sends from now on."""
    sent: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/v1/chat/completions"):
            sent.append(json.loads(request.post_data or "{}"))

    page.on("request", note)
    return sent


def test_reasoning_is_shown_when_it_is_asked_for(page: Page) -> None:
    say(page)
    expect(page.locator(CONTENT)).to_have_text("Ok.")
    expect(page.locator(f"{REASONING} .text")).to_be_hidden()
    page.get_by_text("Reasoning", exact=True).click()
    expect(page.locator(f"{REASONING} .text")).to_have_text("Why?")
    page.get_by_label("Good reply").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator(f"{REASONING} .text")).to_be_visible()


def test_reasoning_is_there_again_after_a_reload(page: Page) -> None:
    say(page)
    page.reload()
    page.get_by_text("Reasoning", exact=True).click()
    expect(page.locator(f"{REASONING} .text")).to_have_text("Why?")


def test_reasoning_that_is_read_while_it_is_written_stays_open(page: Page) -> None:
    page.evaluate(
        """() => {
            const known = window.fetch;
            const bytes = new TextEncoder();
            const stream = new ReadableStream({ start: (writer) => (window.writer = writer) });
            window.fetch = (path, options) =>
                path === "/v1/chat/completions"
                    ? Promise.resolve(new Response(stream))
                    : known(path, options);
            window.write = (delta, finish_reason = null) => {
                const chunk = { id: "c1", choices: [{ index: 0, delta, finish_reason }] };
                window.writer.enqueue(bytes.encode(`data: ${JSON.stringify(chunk)}\n\n`));
            };
        }"""
    )
    page.get_by_label("Message", exact=True).fill("hello")
    page.keyboard.press("Enter")
    expect(page.locator("article.writing")).to_be_visible()
    page.evaluate("window.write({ reasoning_content: 'Hm' })")
    page.get_by_text("Thinking …").click()
    expect(page.locator("article.writing .reasoning .text")).to_have_text("Hm")
    page.evaluate("window.write({ reasoning_content: 'm.' })")
    expect(page.locator("article.writing .reasoning .text")).to_have_text("Hmm.")
    page.evaluate("window.write({ content: 'Ok.' }, 'stop'), window.writer.close()")
    expect(page.locator(CONTENT)).to_have_text("Ok.")
    expect(page.locator(f"{REASONING} .text")).to_have_text("Hmm.")
    expect(page.locator(f"{REASONING} .text")).to_be_visible()


def test_only_the_reply_is_corrected_and_sent_back(
    page: Page, thinking: LiveServer, user: Person
) -> None:
    say(page)
    page.get_by_label("Correct this reply").click()
    expect(page.get_by_label("The reply as it should have been")).to_have_value("Ok.")
    page.get_by_role("button", name="Cancel").click()
    correct(page, "Fine.")
    expect(page.locator(CONTENT)).to_have_text("Fine.")
    assert [row["correction"] for row in feedback(thinking, user)] == ["Fine."]
    sent = chat_bodies(page)
    say(page, "and now?")
    assert sent[0]["messages"][1] == {"role": "assistant", "content": "Fine."}


def test_a_reply_that_ended_while_the_model_was_thinking_says_so(page: Page) -> None:
    page.route(
        "**/v1/chat/completions",
        lambda route: route.continue_(
            post_data=json.dumps(json.loads(route.request.post_data or "{}") | {"max_tokens": 4})
        ),
    )
    say(page)
    expect(page.locator(REPLY)).to_contain_text("limit while it was thinking")
    page.get_by_text("Reasoning", exact=True).click()
    expect(page.locator(f"{REASONING} .text")).to_have_text("Why")


def test_the_server_decides_how_a_reply_is_sampled_and_another_is_freer(page: Page) -> None:
    sent = chat_bodies(page)
    say(page)
    page.get_by_label("Write another reply").click()
    expect(page.get_by_text("The new reply is the same.")).to_be_visible()
    first, another = sent
    assert not {"temperature", "top_p", "top_k"} & first.keys()
    assert (another["temperature"], another["top_p"]) == (0.9, 1)
