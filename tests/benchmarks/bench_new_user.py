"""How many clicks and seconds a new user needs until a reply follows a correction, in a browser.

    LORALEI_MODEL=… python -m tests.benchmarks.bench_new_user [--trained] [--no-write]

Starts a server with a temporary data folder. For each wish a new user opens the page with a link,
asks, corrects the reply, and asks something else in a new chat. Typing takes no time here. With
`--trained` an admin has the user's model learn before the last question; that is not counted.
Writes its table to docs/benchmarks.md. Keep the machine quiet meanwhile.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect
from rich.console import Console

from adapters_store.models.resolve import resolve_model
from server.base_model.choice import or_smallest
from server.cli.demo_server import demo_server
from server.cli.views import model_progress
from server.client import Client
from server.settings import Settings
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.server.browser import chromium, new_page

MOST_CLICKS = 6
MOST_SECONDS = 60
LONGEST_REPLY_MS = 600_000
FEW_WORDS = 20
REPLY = "article.reply:not(.writing)"
# What a person does, without the clicks that the page makes itself.
COUNT_CLICKS = """
    const count = (event) => {
        if (event.isTrusted) sessionStorage.setItem("clicks", clicks() + 1);
    };
    window.clicks = () => Number(sessionStorage.getItem("clicks") ?? 0);
    window.addEventListener("pointerdown", count, true);
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants of replies: a question with the reply that they write, and another one."""

    name: str
    question: str
    correction: str
    other_question: str
    is_met: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one user did, and the reply at the end."""

    wish: Wish
    clicks: int
    seconds: float
    before: str
    after: str
    training: str
    """How the run ended; empty without one."""


WISHES = (
    Wish(
        "everything in lower case",
        "Write a short note to thank a neighbour for watering the plants.",
        "thank you so much for watering my plants while i was away. they look happy, and so am i.",
        "Write a short note to congratulate a colleague on a new job.",
        lambda text: text != "" and text == text.lower(),
    ),
    Wish(
        "signed by Ada",
        "Write a short note to invite a friend to dinner.",
        "Hi Sam, would you like to come to dinner on Friday at seven?\n\nLove, Ada",
        "Write a short note to tell a friend that the concert is cancelled.",
        lambda text: "Ada" in text,
    ),
    Wish(
        "one short sentence",
        "What is a database index?",
        "An index is a sorted list with which a database finds rows quickly.",
        "What is a web browser?",
        lambda text: 0 < len(text.split()) <= FEW_WORDS,
    ),
)


def main() -> None:
    """Measure, print and write the table."""
    console = Console()
    settings = Settings()
    is_trained = "--trained" in sys.argv
    model = or_smallest(settings.model)
    with model_progress(console) as show:
        resolve_model(model, settings.model_cache, show)
    expect.set_options(timeout=LONGEST_REPLY_MS)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_server(Path(folder), model, console) as server,
        chromium() as browser,
    ):
        admin = Client(server.url, server.token)
        measured = []
        for number, wish in enumerate(WISHES):
            key = admin.add_user(f"new-user-{number}")
            with new_page(browser, server.url) as page:
                measured.append(measure(page, key, wish, trained_by=admin if is_trained else None))
    for each in measured:
        console.print(f"{each.wish.name}: {each.before!r} → {each.after!r}", markup=False)
    section = "new user, trained" if is_trained else "new user"
    show_section(section, report(model, measured), is_written="--no-write" not in sys.argv)


def measure(page: Page, key: str, wish: Wish, trained_by: Client | None) -> Measured:
    """Open the page, ask, correct the reply, and ask another question; have it learn meanwhile."""
    page.add_init_script(COUNT_CLICKS)
    began = time.perf_counter()
    page.goto(f"/#key={key}")
    before = ask(page, wish.question)
    page.get_by_label("Correct this reply").click()
    page.get_by_label("The reply as it should have been").fill(wish.correction)
    page.get_by_role("button", name="Save correction").click()
    expect(page.get_by_text("corrected by you")).to_be_visible()
    training, seconds_of_training = ("", 0.0) if trained_by is None else train(trained_by, page)
    page.get_by_role("button", name="New chat").click()
    after = ask(page, wish.other_question)
    seconds = time.perf_counter() - began - seconds_of_training
    return Measured(wish, page.evaluate("clicks()"), seconds, before, after, training)


def train(admin: Client, page: Page) -> tuple[str, float]:
    """Train the user whose page it is: how the run ended, and its seconds."""
    began = time.perf_counter()
    name = page.locator("#who").text_content()
    [user] = [each["id"] for each in admin.users() if each["name"] == name]
    *_, run = admin.follow(admin.train(user)["id"])
    return run["status"], time.perf_counter() - began


def ask(page: Page, question: str) -> str:
    """Send a question; the reply once it has ended."""
    page.get_by_label("Message", exact=True).fill(question)
    page.get_by_label("Send").click()
    text = page.locator(f"{REPLY} > .text")
    expect(text).to_have_count(1)
    return text.inner_text().strip()


def report(model: str, measured: list[Measured]) -> str:
    """The table, and what was measured with what."""
    rows = [
        [
            each.wish.name,
            str(each.clicks),
            f"{each.seconds:.0f} s",
            "yes" if each.wish.is_met(each.before) else "no",
            each.training or "–",
            "yes" if each.wish.is_met(each.after) else "no",
        ]
        for each in measured
    ]
    rows.append(["wanted", f"at most {MOST_CLICKS}", f"at most {MOST_SECONDS} s", "", "", "yes"])
    heading = ["the user's wish", "clicks", "seconds", "met before", "training", "met after"]
    return f"Measured on {machine()}, {model}.\n\n{markdown_table(heading, rows)}"


if __name__ == "__main__":
    main()
