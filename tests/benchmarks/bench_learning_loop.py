"""Five corrections over HTTP: do replies to unseen questions change, and no other user's?

    python -m tests.benchmarks.bench_learning_loop

Starts a server on the real model with a temporary data folder, and writes its table to
docs/benchmarks.md. Keep the machine quiet meanwhile.
"""

import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from adapters_store.models.resolve import resolve_model
from feedback.text.repetition import is_repetitive
from server.base_model.choice import or_smallest
from server.cli.demo_server import demo_server
from server.cli.views import follow_run, model_progress
from server.client import Client, Reply
from server.client.client import Json
from server.settings import Settings
from tests.benchmarks.report import machine, markdown_table, write_section

TAUGHT = (
    "How can I make my mornings less stressful?",
    "Explain what a database index does.",
    "Write a short thank-you note to a neighbour.",
    "What are the main causes of the French Revolution?",
    "Suggest a title for a talk about urban gardening.",
)
UNSEEN = (
    "What is the best way to learn a new language?",
    "Describe the water cycle.",
    "Give me advice for a first job interview.",
    "Why do cats purr?",
    "Write two sentences about the city of Lisbon.",
    "How does a microwave oven heat food?",
    "What should I consider before adopting a dog?",
    "Explain inflation to a teenager.",
    "Recommend a simple dinner with rice.",
    "What is the purpose of a lighthouse?",
)
FIXED = (
    "Name three uses for a paper clip.",
    "Who wrote Romeo and Juliet?",
    "How far away is the Moon?",
    "Give me a riddle.",
    "What makes bread rise?",
)
MAX_TOKENS = 80
IDLE = re.compile(r"^loralei_replies_running 0(\.0)?$", re.MULTILINE)
IDLE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """The replies before and after, and the training in between."""

    before: list[str]
    after: list[str]
    other_before: list[str]
    other_after: list[str]
    seconds: float
    run: Json


def main() -> None:
    """Measure, print and write the table."""
    console = Console()
    settings = Settings()
    model = or_smallest(settings.model)
    with model_progress(console) as show:
        resolve_model(model, settings.model_cache, show)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_server(Path(folder), model, console) as server,
    ):
        measured = measure(console, server.url, server.token)
    text = report(measured)
    print(text)
    for reply in measured.after:
        print(repr(reply))
    if "--no-write" not in sys.argv:
        write_section("learning loop", text)


def measure(console: Console, url: str, token: str) -> Measured:
    """Ask, correct, retrain, ask again."""
    admin = Client(url, token)
    learner, other = (Client(url, admin.add_user(name)) for name in ("learner", "other"))

    def ask(user: Client, question: str) -> Reply:
        weights = {"memory": False}  # the weights alone
        return user.chat(question, temperature=0, max_tokens=MAX_TOKENS, loralei=weights)

    def ask_learner(questions: tuple[str, ...]) -> list[Reply]:
        with ThreadPoolExecutor(len(questions)) as pool:
            return list(pool.map(lambda question: ask(learner, question), questions))

    def ask_other() -> list[Reply]:
        # One after the other on an idle server: other rows in the batch can change the last bits
        # of bfloat16.
        wait_until_idle(url)
        return [ask(other, question) for question in FIXED]

    with console.status("Asking …"):
        before, other_before = texts(ask_learner(UNSEEN)), texts(ask_other())
        for reply in ask_learner(TAUGHT):
            learner.feedback(reply.id, correction=reply.text.lower())
    began = time.monotonic()
    run = follow_run(console, admin.follow(admin.train("learner")["id"]))
    seconds = time.monotonic() - began
    with console.status("Asking again …"):
        after, other_after = texts(ask_learner(UNSEEN)), texts(ask_other())
    return Measured(before, after, other_before, other_after, seconds, run)


def wait_until_idle(url: str) -> None:
    """Wait until no reply has been written for `IDLE_SECONDS`."""
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < IDLE_SECONDS:
        metrics = httpx.get(f"{url}/metrics").raise_for_status().text
        if not IDLE.search(metrics):
            idle_since = time.monotonic()
        time.sleep(0.2)


def texts(replies: list[Reply]) -> list[str]:
    """The replies' texts."""
    return [reply.text for reply in replies]


def report(m: Measured) -> str:
    """The table, with the machine above it."""
    evaluation = m.run["report"].get("evaluation", {})
    usage = m.run["usage"]
    kl = evaluation.get("reference_kl", 0)
    lower = [sum(text == text.lower() for text in replies) for replies in (m.before, m.after)]
    loops = [sum(map(is_repetitive, replies)) for replies in (m.before, m.after)]
    same = sum(a == b for a, b in zip(m.other_before, m.other_after, strict=True))
    rows = [
        ("unseen questions answered in lower case, before", f"{lower[0]} of 10", ""),
        ("the same, after", f"{lower[1]} of 10", "at least 8"),
        ("of these replies, stuck in a loop, before / after", f"{loops[0]} / {loops[1]}", "– / 0"),
        ("another user's replies at temperature 0, unchanged", f"{same} of 5", "5"),
        ("last feedback → promoted", f"{m.seconds:.0f} s", "under 60 s"),
        ("the run's outcome", m.run["status"], "promoted"),
        ("optimiser steps of the fit", str(evaluation.get("steps")), ""),
        ("KL from the base on reference replies, nats/token", f"{kl:.2f}", ""),
        ("trainable share of parameters", f"{usage.get('trainable_share', 0):.2%}", "0.1–2 %"),
        ("device seconds of the run", f"{usage.get('device_seconds', 0):.0f} s", ""),
        ("peak memory of the run", f"{usage.get('peak_memory_bytes', 0) / 2**20:.0f} MiB", ""),
    ]
    return f"Measured on {machine()}.\n\n" + markdown_table(["figure", "measured", "wanted"], rows)


if __name__ == "__main__":
    main()
