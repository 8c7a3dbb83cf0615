"""The chat page, in a real browser against a real server."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.server.browser import CHROMIUM, PATIENCE_MS, PHONE, Profiles, new_page
from tests.server.distilled import REPORT
from tests.server.held_engine import HeldEngine
from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import put_version_to_use
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

expect.set_options(timeout=PATIENCE_MS)
REPLY = "article.reply:not(.writing)"


@pytest.fixture(scope="module")
def site(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose replies are short."""
    schedule = {"interval": 0, "nightly": ""}
    data = tmp_path_factory.mktemp("site") / "data"
    with running(tiny_model, data, schedule=schedule, threads=1, max_new_tokens=12) as server:
        yield server


@pytest.fixture
def user(site: LiveServer) -> Person:
    """A new user."""
    return site.new_person()


@pytest.fixture
def page(profiles: Profiles, site: LiveServer, user: Person) -> Iterator[Page]:
    """The chat page, signed in."""
    with profiles.page(site.url) as opened:
        answer_in_letters(opened, site)
        sign_in(opened, user.key)
        yield opened


def answer_in_letters(page: Page, site: LiveServer) -> None:
    """Make replies contain a word; those of a random model may be empty or only punctuation."""
    letters = site.services.runtime.engine.renderer.text_ids("abcdefgh")
    bias = json.dumps(dict.fromkeys(letters, 100))
    page.add_init_script(
        f"""{{
            const known = window.fetch;
            window.fetch = (path, options) => {{
                if (path !== "/v1/chat/completions") return known(path, options);
                const body = {{ ...JSON.parse(options.body), logit_bias: {bias} }};
                return known(path, {{ ...options, body: JSON.stringify(body) }});
            }};
        }}"""
    )


def sign_in(page: Page, key: str, path: str = "/") -> None:
    """Open a page with the key in its address."""
    page.goto(f"{path}#key={key}")
    expect(page.locator("#who")).to_be_attached()


def said(page: Page) -> Locator:
    """The user's messages on the page."""
    return page.locator("article.user .said")


def say(page: Page, text: str = "hello") -> None:
    """Send a message and wait for the reply to end."""
    replies = page.locator(REPLY).count()
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(REPLY)).to_have_count(replies + 1)


def feedback(site: LiveServer, user: Person) -> list[dict[str, Any]]:
    """The user's feedback on the server."""
    with site.client(user.key) as client:
        rows: list[dict[str, Any]] = client.get("/v1/feedback").json()["data"]
    return rows


def rule_statuses(site: LiveServer, user: Person) -> list[str]:
    """The status of each of the user's rules on the server."""
    with site.client(user.key) as client:
        return [row["status"] for row in client.get("/v1/me/rules").json()["data"]]


def correct(page: Page, text: str) -> None:
    """Edit the last reply and save it."""
    page.get_by_label("Correct this reply").last.click()
    page.get_by_label("The reply as it should have been").fill(text)
    page.get_by_role("button", name="Save correction").click()


def test_the_page_asks_for_a_key_and_refuses_a_wrong_one(
    profiles: Profiles, site: LiveServer, user: Person
) -> None:
    with profiles.page(site.url) as page:
        page.goto("/")
        page.get_by_label("Key", exact=True).fill("lk-wrong")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("alert")).to_contain_text("does not know this key")
        page.get_by_label("Key", exact=True).fill(user.key)
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#who")).to_have_text(user.name)


def test_a_key_in_the_address_signs_in_and_leaves_the_address(page: Page, user: Person) -> None:
    expect(page.locator("#who")).to_have_text(user.name)
    assert user.key not in page.url


def test_the_key_is_kept_for_the_next_visit(page: Page, user: Person) -> None:
    page.goto("/")
    expect(page.locator("#who")).to_have_text(user.name)


def test_signing_out_forgets_the_key(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert page.evaluate("localStorage.getItem('loralei.key')") is None


def test_after_signing_out_nothing_of_the_user_is_left(page: Page, user: Person) -> None:
    say(page, "a secret")
    page.get_by_label("Message", exact=True).fill("a secret that was not sent")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert_nothing_is_left(page, "a secret", user.name, user.key, user.id)


def assert_nothing_is_left(page: Page, *traces: str) -> None:
    """None of these texts is on the page or in the browser's storage."""
    left = page.evaluate(
        """() => JSON.stringify([{...localStorage}, {...sessionStorage}, history.state,
            document.documentElement.outerHTML, document.getElementById("message").value])"""
    )
    assert [trace for trace in traces if trace in left] == []


def test_another_tab_is_signed_out_too(page: Page, user: Person) -> None:
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#who")).to_have_text(user.name)
    page.get_by_role("button", name="Sign out").click()
    expect(other.get_by_label("Key", exact=True)).to_be_visible()
    assert_nothing_is_left(other, user.name, user.key)


def test_two_tabs_of_one_user_leave_each_other_alone(page: Page, user: Person) -> None:
    page.get_by_label("Message", exact=True).fill("a draft")
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#who")).to_have_text(user.name)
    expect(page.get_by_label("Message", exact=True)).to_have_value("a draft")


def test_a_link_does_not_replace_the_key_without_asking(
    page: Page, site: LiveServer, user: Person
) -> None:
    other = site.new_person()
    page.goto(f"/#key={other.key}")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#who")).to_have_text(user.name)
    assert page.evaluate("localStorage.getItem('loralei.key')") == user.key
    page.goto(f"/#key={other.key}")
    page.get_by_role("button", name="Use the link’s key").click()
    expect(page.locator("#who")).to_have_text(other.name)


def test_a_wrong_link_does_not_cost_the_key(page: Page, user: Person) -> None:
    page.goto("/#key=lk-wrong")
    page.get_by_role("button", name="Use the link’s key").click()
    expect(page.get_by_role("alert")).to_contain_text("does not know this key")
    assert page.evaluate("localStorage.getItem('loralei.key')") == user.key


def test_an_admins_key_stays_in_the_tab_and_beside_the_users(
    page: Page, site: LiveServer, user: Person
) -> None:
    page.goto(f"/admin#key={site.admin_key}")
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()
    assert site.admin_key not in page.evaluate("JSON.stringify({...localStorage})")
    page.goto("/")
    expect(page.locator("#who")).to_have_text(user.name)
    other_tab = page.context.new_page()
    other_tab.goto("/admin")
    expect(other_tab.get_by_label("Key", exact=True)).to_be_visible()


def test_an_admin_on_the_chat_page_is_kept_in_the_tab_only(
    profiles: Profiles, site: LiveServer
) -> None:
    with profiles.page(site.url) as page:
        sign_in(page, site.admin_key)
        assert page.evaluate("JSON.stringify({...localStorage})") == "{}"
        page.reload()
        expect(page.locator("#who")).to_be_attached()


def test_a_reply_is_streamed_and_says_who_wrote_it(page: Page) -> None:
    say(page)
    expect(page.locator(REPLY)).to_contain_text("base model")
    assert page.locator(f"{REPLY} .text").inner_text() != ""


def test_a_reply_names_the_rule_that_the_prompt_overrides(
    page: Page, site: LiveServer, user: Person
) -> None:
    put_version_to_use(site, user, {"rules": [{"attribute": "case", "value": "lower"}]})
    say(page, "Write it in capital letters.")
    reply = page.locator(REPLY)
    expect(reply).to_contain_text("base model")
    expect(reply).to_contain_text("overrides “Writes everything in lower case.”")


def chats_of(site: LiveServer, user: Person) -> list[dict[str, Any]]:
    """The user's chats on the server, the last used first."""
    with site.client(user.key) as client:
        listed: list[dict[str, Any]] = client.get("/v1/chats").json()["data"]
    return listed


def test_every_chat_has_its_own_id(page: Page, site: LiveServer, user: Person) -> None:
    say(page, "one")
    say(page, "two")
    page.get_by_role("button", name="New chat").click()
    say(page, "three")
    assert [(each["title"], each["replies"]) for each in chats_of(site, user)] == [
        ("three", 1),
        ("one", 2),
    ]


def test_a_chat_is_there_again_after_a_reload(page: Page) -> None:
    say(page, "remember this")
    page.reload()
    expect(said(page)).to_have_text("remember this")
    expect(page.get_by_role("button", name="remember this", exact=True)).to_be_visible()


def test_a_chat_is_on_another_device_with_its_feedback(
    page: Page, browser: Browser, site: LiveServer, user: Person
) -> None:
    say(page, "remember this")
    correct(page, "as I would say it")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    with new_page(browser, site.url) as device:
        sign_in(device, user.key)
        device.get_by_role("button", name="remember this", exact=True).click()
        expect(device.get_by_text("corrected by you")).to_be_visible()
        expect(device.locator(f"{REPLY} .text")).to_have_text("as I would say it")
        answer_in_letters(device, site)
        say(device, "go on")
    assert [each["replies"] for each in chats_of(site, user)] == [2]


def test_two_tabs_show_the_same(page: Page) -> None:
    say(page, "one")
    other = page.context.new_page()
    other.goto(page.url)
    expect(said(other)).to_have_text("one")
    say(page, "two")
    expect(said(other)).to_have_text(["one", "two"])
    correct(page, "as I would say it")
    expect(other.get_by_text("corrected by you")).to_be_visible()


def test_a_reply_that_a_reload_cut_is_not_lost(page: Page, site: LiveServer, user: Person) -> None:
    say(page, "one")
    page.unroute_all(behavior="ignoreErrors")
    page.route("**/v1/chat/completions", lambda route: None)  # the server never answers
    page.get_by_label("Message", exact=True).fill("two")
    page.keyboard.press("Enter")
    expect(said(page)).to_have_text(["one", "two"])
    page.reload()
    expect(said(page)).to_have_text(["one"])
    expect(page.get_by_label("Message", exact=True)).to_have_value("two")


def begin_reply(page: Page, site: LiveServer, monkeypatch: pytest.MonkeyPatch) -> HeldEngine:
    """Send a message, and let the model write only the beginning of the reply."""
    engine = HeldEngine(site, monkeypatch)
    page.get_by_label("Message", exact=True).fill("go on")
    page.keyboard.press("Enter")
    engine.allow(4)
    expect(page.locator("article.writing .text").last).not_to_be_empty()
    return engine


def test_a_reply_goes_on_after_a_reload(
    page: Page, site: LiveServer, user: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = begin_reply(page, site, monkeypatch)
    page.reload()
    expect(said(page)).to_have_text("go on")
    expect(page.locator("article.writing .text").last).not_to_be_empty()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    engine.finish()
    expect(page.locator(f"{REPLY} .text")).to_have_text(re.compile(r"^[a-h]{12}\s*$"))
    page.get_by_label("Good reply").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert [each["replies"] for each in chats_of(site, user)] == [1]


@pytest.mark.parametrize("ends_first", [False, True])
def test_a_reply_goes_on_in_another_chat_and_is_there_on_return(
    page: Page, site: LiveServer, user: Person, monkeypatch: pytest.MonkeyPatch, ends_first: bool
) -> None:
    engine = begin_reply(page, site, monkeypatch)
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".welcome")).to_be_visible()
    wait_until(lambda: site.services.running.count_unread(user.id) == 1)
    if ends_first:
        engine.finish()
        wait_until(lambda: not site.services.running.of_user(user.id))
    page.locator("#chats .open").click()
    expect(said(page)).to_have_text("go on")
    engine.finish()
    expect(page.locator(f"{REPLY} .text")).to_have_text(re.compile(r"^[a-h]{12}\s*$"))
    assert [each["replies"] for each in chats_of(site, user)] == [1]


@pytest.mark.parametrize("is_reloaded", [False, True])
def test_a_stopped_reply_is_stopped_on_the_server(
    page: Page, site: LiveServer, user: Person, monkeypatch: pytest.MonkeyPatch, is_reloaded: bool
) -> None:
    engine = begin_reply(page, site, monkeypatch)
    if is_reloaded:
        page.reload()
    page.get_by_label("Stop writing").click()
    expect(page.get_by_text("This reply was stopped")).to_be_visible()
    engine.finish()
    with site.client(user.key) as client:
        [turn] = client.get(f"/v1/chats/{chats_of(site, user)[0]['id']}").json()["turns"]
    assert turn["status"] == "aborted"


def test_what_was_typed_is_there_again_after_a_reload(page: Page) -> None:
    page.get_by_label("Message", exact=True).fill("half a thou")
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_have_value("half a thou")


def test_a_chat_is_found_by_its_words(page: Page) -> None:
    say(page, "about apples")
    page.get_by_role("button", name="New chat").click()
    say(page, "about pears")
    page.get_by_label("Search chats").fill("apple")
    expect(page.locator("#chats .open")).to_have_text(["about apples"])


def test_a_chat_is_renamed(page: Page, site: LiveServer, user: Person) -> None:
    say(page, "hello")
    page.get_by_label("Rename the chat hello").click()
    page.get_by_label("Title").fill("Greetings")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Greetings")).to_be_visible()
    assert [each["title"] for each in chats_of(site, user)] == ["Greetings"]


def test_a_changed_message_begins_a_branch(page: Page) -> None:
    say(page, "one")
    say(page, "two")
    page.get_by_label("Change this message").first.click()
    page.get_by_label("The changed message").fill("other")
    with page.expect_request("**/v1/chat/completions") as request:
        page.get_by_role("button", name="Send again").click()
    body = request.value.post_data_json
    assert body is not None
    assert body["messages"] == [{"role": "user", "content": "other"}]
    expect(page.locator(REPLY)).to_have_count(1)
    page.reload()
    expect(said(page)).to_have_text(["other"])
    page.get_by_label("Earlier message").click()
    expect(said(page)).to_have_text(["one", "two"])


def test_instructions_go_with_every_message_of_their_chat(page: Page) -> None:
    page.get_by_label("Instructions for this chat").click()
    page.get_by_label("Instructions", exact=True).fill("Be brief.")
    page.get_by_role("button", name="Save", exact=True).click()
    with page.expect_request("**/v1/chat/completions") as request:
        say(page, "one")
    body = request.value.post_data_json
    assert body is not None
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    page.reload()
    expect(said(page)).to_have_text(["one"])
    page.get_by_label("Instructions for this chat").click()
    expect(page.get_by_label("Instructions", exact=True)).to_have_value("Be brief.")


def test_the_user_chooses_who_answers(page: Page, site: LiveServer, user: Person) -> None:
    put_version_to_use(site, user)
    page.reload()
    choice = page.get_by_label("Who answers")
    expect(choice.locator("option")).to_have_text(
        ["your v2 + memory", "base model + memory", "base model alone", "always v2", "always v1"]
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    for option, adapter in (("base", "base"), ("v1", "v1")):
        choice.select_option(option)
        say(page)
        sent = [json.loads(each) for each in asked if "messages" in each]
        assert sent[-1]["loralei"] == {"adapter": adapter, "resumable": True}
    expect(page.locator(REPLY).last).to_contain_text("your v1")


def test_a_reply_from_before_the_learning_can_be_tried_again(page: Page) -> None:
    say(page, "one")
    page.get_by_role("button", name="New chat").click()
    say(page, "two")
    correct(page, "Quite another reply.")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    page.get_by_role("button", name="one", exact=True).click()
    page.get_by_role("button", name="Try again with what was learned").click()
    new = page.get_by_role("region", name="New")
    expect(new).to_contain_text("base model + 1 of your examples")


def test_a_text_file_goes_into_the_message(page: Page) -> None:
    page.locator("#file").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"apples\n```\npears"}
    )
    with page.expect_request("**/v1/chat/completions") as request:
        say(page, "Sum up.")
    body = request.value.post_data_json
    assert body is not None
    sent = body["messages"][0]["content"]
    assert sent == "Sum up.\n\nFile notes.txt:\n````\napples\n```\npears\n````"
    expect(said(page).get_by_text("notes.txt · 16 B")).to_be_visible()
    page.reload()
    said(page).get_by_text("notes.txt · 16 B").click()
    expect(said(page).locator("pre")).to_have_text("apples\n```\npears")


@pytest.mark.parametrize(
    ("name", "kind", "content", "sentence"),
    [
        ("cat.png", "image/png", b"\x89PNG", "cat.png is no text"),
        ("data.bin", "", b"\xff\x00", "data.bin is not a text file"),
        ("big.txt", "text/plain", b"x" * 200_001, "the most is 200 kB"),
    ],
)
def test_other_files_are_refused_before_they_are_sent(
    page: Page, name: str, kind: str, content: bytes, sentence: str
) -> None:
    page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": content})
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.locator("#files li")).to_have_count(0)


def test_a_chat_that_became_too_long_goes_on_without_its_oldest_messages(page: Page) -> None:
    for _ in range(4):
        say(page, "many words " * 20)
    expect(page.locator(REPLY).last).to_contain_text("did not read the oldest")
    page.reload()
    expect(said(page)).to_have_count(4)


def test_enter_that_ends_a_composition_sends_nothing(page: Page) -> None:
    field = page.get_by_label("Message", exact=True)
    field.fill("にほん")
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(field).to_have_value("にほん")
    expect(page.locator("article.user")).to_have_count(0)


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    page.get_by_label("Theme").select_option("dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(13, 19, 18)")
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", "rgb(13, 19, 18)")
    page.get_by_label("Theme").select_option("light")
    expect(page.locator("body")).to_have_css("background-color", "rgb(246, 248, 247)")


def test_a_frontends_key_is_named_as_one(profiles: Profiles, site: LiveServer) -> None:
    with profiles.page(site.url) as page:
        page.goto(f"/#key={site.new_person('frontend').key}")
        expect(page.get_by_role("alert")).to_contain_text("This is a frontend’s key")
        expect(page.get_by_text("An admin makes keys")).to_be_visible()


def test_the_focus_returns_after_a_dialog(page: Page) -> None:
    erase = page.get_by_role("button", name="Erase my data")
    erase.click()
    page.keyboard.press("Escape")
    expect(erase).to_be_focused()
    say(page, "hello")
    page.get_by_label("Delete the chat hello").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()


def test_the_reasons_of_a_thumb_down_come_into_view(page: Page) -> None:
    for _ in range(4):
        say(page)
    page.get_by_label("Bad reply").last.click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_in_viewport(ratio=1)


def test_another_user_of_the_browser_does_not_see_the_chats(page: Page, site: LiveServer) -> None:
    say(page, "a secret")
    page.get_by_role("button", name="Sign out").click()
    other = site.new_person()
    page.get_by_label("Key", exact=True).fill(other.key)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#who")).to_have_text(other.name)
    expect(page.get_by_text("a secret")).to_have_count(0)


def test_a_deleted_chat_is_gone_on_the_server_too(
    page: Page, site: LiveServer, user: Person
) -> None:
    say(page, "forget this")
    page.get_by_label("Good reply").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_label("Delete the chat forget this").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert feedback(site, user) == []


def test_a_thumb_up_is_stored_and_withdrawn(page: Page, site: LiveServer, user: Person) -> None:
    say(page)
    thumb = page.get_by_label("Good reply")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    assert [row["value"] for row in feedback(site, user)] == [1]
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "false")
    assert feedback(site, user) == []


def test_a_thumb_down_asks_what_was_wrong(page: Page, site: LiveServer, user: Person) -> None:
    say(page)
    page.get_by_label("Bad reply").click()
    page.get_by_role("button", name="Not true").click()
    page.get_by_label("Comment").fill("It was the other way round.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Thank you, saved.")).to_be_visible()
    [row] = feedback(site, user)
    assert (row["value"], row["reason"]) == (-1, "inaccurate")
    assert row["comment"] == "It was the other way round."


def test_an_edited_reply_is_stored_as_its_correction(
    page: Page, site: LiveServer, user: Person
) -> None:
    say(page)
    correct(page, "as I would say it")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    assert [row["correction"] for row in feedback(site, user)] == ["as I would say it"]
    expect(page.locator("#learned")).to_contain_text("1 correction")


def test_replies_before_and_after_a_training_stand_side_by_side(
    page: Page, site: LiveServer, user: Person
) -> None:
    say(page)
    correct(page, "as I would say it")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    put_version_to_use(site, user, REPORT.to_json())
    page.reload()
    expect(page.locator("#teacher")).to_contain_text("It learned from what you wrote")
    expect(page.locator("#teacher")).to_have_attribute("title", "4 of 5 texts are likelier.")
    page.get_by_text("Before and after").click()
    samples = page.locator("#samples")
    expect(samples).to_contain_text("When do you open?")
    expect(samples.locator("dt")).to_have_text(["Base model", "With memory", "Your model"])
    expect(samples.locator("dd")).to_have_text(["At <b>any</b> time.", "At nine.", "(empty)"])


def test_the_next_request_contains_the_corrected_reply(page: Page) -> None:
    say(page, "one")
    correct(page, "as I would say it")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    with page.expect_request("**/v1/chat/completions") as request:
        say(page, "two")
    body = request.value.post_data_json
    assert body is not None
    assert body["messages"][1] == {"role": "assistant", "content": "as I would say it"}


def test_a_rule_appears_after_a_correction_and_is_kept_and_dropped(
    page: Page, site: LiveServer, user: Person
) -> None:
    say(page)
    reply = page.locator(f"{REPLY} .text").inner_text()
    correct(page, f"<reply>{reply}</reply>")
    rule = page.get_by_role("list", name="Rules from your feedback").get_by_role("listitem")
    expect(rule).to_contain_text("Wraps the reply in <reply>.")
    keep = rule.get_by_role("button", name="Always keep this rule: Wraps the reply in <reply>.")
    drop = rule.get_by_role("button", name="Drop this rule")
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "true")
    assert rule_statuses(site, user) == ["pinned"]
    drop.click()
    expect(drop).to_have_attribute("aria-pressed", "true")
    expect(drop).to_be_focused()
    expect(keep).to_have_attribute("aria-pressed", "false")
    assert rule_statuses(site, user) == ["dropped"]
    drop.click()
    expect(drop).to_have_attribute("aria-pressed", "false")
    assert rule_statuses(site, user) == ["learned"]


def test_an_unchanged_reply_is_no_correction(page: Page, site: LiveServer, user: Person) -> None:
    say(page)
    page.get_by_label("Correct this reply").click()
    page.get_by_role("button", name="Save correction").click()
    expect(page.get_by_role("alert")).to_contain_text("change something")
    assert feedback(site, user) == []


def test_escape_leaves_the_editor(page: Page) -> None:
    say(page)
    page.get_by_label("Correct this reply").click()
    page.get_by_label("The reply as it should have been").press("Escape")
    expect(page.get_by_label("Correct this reply")).to_be_visible()


def test_the_better_of_two_replies_is_stored(page: Page, site: LiveServer, user: Person) -> None:
    say(page)
    page.get_by_label("Write another reply").click()
    page.get_by_role("button", name="This one is better").first.click()
    expect(page.get_by_text("your pick", exact=True)).to_be_visible()
    [row] = feedback(site, user)
    assert row["preferred_over"].startswith("chatcmpl-")
    assert row["preferred_over"] != row["target"]


def test_the_earlier_reply_can_be_shown_again(page: Page) -> None:
    say(page)
    page.get_by_label("Write another reply").click()
    page.get_by_role("button", name="Keep the new one").click()
    expect(page.get_by_text("2 of 2")).to_be_visible()
    page.get_by_label("Earlier reply").click()
    expect(page.get_by_text("1 of 2")).to_be_visible()


def test_a_reply_says_how_many_examples_it_was_shown(page: Page) -> None:
    say(page, "one")
    correct(page, "Quite another reply.")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    page.get_by_role("button", name="New chat").click()
    say(page, "two")
    expect(page.locator(REPLY)).to_contain_text("base model + 1 of your examples")


def test_the_base_model_is_compared_without_memory_and_without_a_judgement(
    page: Page, site: LiveServer, user: Person
) -> None:
    say(page, "one")
    correct(page, "Quite another reply.")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    page.get_by_role("button", name="New chat").click()
    say(page, "two")
    with page.expect_request("**/v1/chat/completions") as request:
        page.get_by_label("Compare with the base model").click()
    body = request.value.post_data_json
    assert body is not None
    assert body["loralei"] == {"adapter": "base", "memory": False, "resumable": True}
    new = page.get_by_role("region", name="New")
    expect(new.get_by_text("base model", exact=True)).to_be_visible()
    page.get_by_role("button", name="Keep the earlier one").click()
    expect(page.get_by_text("1 of 2")).to_be_visible()
    assert [row["correction"] for row in feedback(site, user)] == ["Quite another reply."]


def test_markup_is_shown_as_text(page: Page) -> None:
    attack = "<img src=x onerror=document.body.remove()>"
    say(page, attack)
    correct(page, f"{attack} [x](javascript:alert(1)) **bold**")
    expect(page.get_by_text("corrected by you")).to_be_visible()
    expect(said(page)).to_have_text(attack)
    assert page.locator("main img").count() == 0
    assert page.locator("main a").count() == 0
    expect(page.locator(f"{REPLY} strong")).to_have_text("bold")


def test_a_message_that_is_too_long_shows_the_error_of_the_server(page: Page) -> None:
    say(page, "much too long " * 2000)
    expect(page.get_by_role("alert")).to_contain_text("tokens")


def test_a_reply_can_be_stopped(profiles: Profiles, site: LiveServer, user: Person) -> None:
    with profiles.page(site.url) as page:
        sign_in(page, user.key)
        # The request never ends, as with a very busy server.
        page.route("**/v1/chat/completions", lambda route: None)
        page.get_by_label("Message", exact=True).fill("hello")
        page.keyboard.press("Enter")
        page.get_by_label("Stop writing").click()
        expect(page.get_by_text("This reply was stopped")).to_be_visible()
        expect(page.get_by_label("Good reply")).to_have_count(0)
        page.unroute_all(behavior="ignoreErrors")


def test_the_page_says_that_the_server_cannot_be_reached(page: Page) -> None:
    page.route("**/v1/chat/completions", lambda route: route.abort())
    say(page)
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_label("Write another reply").click()
    expect(page.get_by_label("Good reply")).to_be_visible()


def test_an_admin_can_learn_at_once(profiles: Profiles, site: LiveServer) -> None:
    admin = site.new_person("admin")
    with profiles.page(site.url) as page:
        sign_in(page, admin.key)
        page.get_by_role("button", name="Learn now").click()
        expect(page.locator("#model")).to_contain_text("nothing to learn from")


def test_only_admins_can_learn_at_once(page: Page) -> None:
    expect(page.get_by_role("button", name="Learn now")).to_have_count(0)


def test_data_is_exported_as_an_archive(page: Page, tmp_path: Path) -> None:
    say(page, "take this with me")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export my data").click()
    archive = tmp_path / "mine.zip"
    download.value.save_as(archive)
    assert b"take this with me" in zipfile.ZipFile(archive).read("feedback.jsonl")


def test_data_is_erased_after_typing_the_confirmation(
    page: Page, site: LiveServer, user: Person
) -> None:
    say(page, "a secret")
    page.get_by_role("button", name="Erase my data").click()
    agree = page.get_by_role("button", name="Erase everything")
    expect(agree).to_be_disabled()
    page.get_by_label(re.compile("to go on")).fill("erase")
    agree.click()
    expect(page.get_by_text("All your data is erased.")).to_be_visible()
    with site.client(user.key) as client:
        assert client.get("/v1/me").status_code == 401
    assert_nothing_is_left(page, "a secret", user.name, user.key, user.id)


def test_a_phone_needs_no_sideways_scrolling(
    profiles: Profiles, site: LiveServer, user: Person
) -> None:
    with profiles.page(site.url, PHONE) as page:
        sign_in(page, user.key)
        say(page, "a-very-long-word" * 20)
        page.get_by_label("Write another reply").click()
        expect(page.get_by_text("Which is better?")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.get_by_role("button", name="Chats and your model").click()
        expect(page.get_by_role("button", name="New chat")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="New chat")).to_be_hidden()
