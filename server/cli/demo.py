"""`loralei demo`: one user's corrections change their model, and nobody else's. All over HTTP.

It starts a real server on a temporary data folder.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters_store.errors import ModelFetchError
from adapters_store.models.resolve import resolve_model
from server.base_model.choice import or_smallest
from server.cli.demo_server import DemoError, demo_server
from server.cli.views import follow_run, model_progress, run_outcome
from server.client import ApiError, Client, Reply
from server.data_folder import RunningServer
from server.settings import Settings

TAUGHT = (
    "Give me one tip for a good night's sleep.",
    "Why is the sky blue? Answer in one sentence.",
    "What is the capital of France, and what is it known for?",
    "Suggest a quick lunch.",
    "What does a librarian do?",
)
UNSEEN = (
    "Give me one tip for saving money.",
    "Why do leaves fall in autumn? Answer in one sentence.",
    "What is the capital of Japan, and what is it known for?",
    "Suggest a hobby for rainy days.",
    "What does a gardener do?",
)
ASKED_BY_BOTH = UNSEEN[:3]
SHOWN = 150  # characters of a reply on the screen
# Greedy and without memory, to show the weights alone.
OPTIONS: Mapping[str, Any] = {
    "temperature": 0,
    "max_tokens": 48,
    "loralei": {"memory": False},
}
ENOUGH = 4  # of the unseen questions, answered in lower case


def run_demo(settings: Settings) -> int:
    """Run the demo, and return the exit status: 0 if it went as expected."""
    console = Console()
    started = time.monotonic()
    model = or_smallest(settings.model)  # the story was tried out on it
    try:
        with model_progress(console) as show:
            resolve_model(model, settings.model_cache, show)
        with (
            tempfile.TemporaryDirectory(prefix="loralei-demo-") as folder,
            demo_server(Path(folder), model, console) as server,
        ):
            went_well = _run(console, server)
    except (DemoError, ModelFetchError, ApiError) as error:
        console.print(Text.assemble(("Error: ", "red"), str(error)))
        return 1
    console.print(f"\n[dim]The demo took {time.monotonic() - started:.0f} s.[/]")
    return 0 if went_well else 1


def _run(console: Console, server: RunningServer) -> bool:
    admin = Client(server.url, server.token)
    ada, ben = (Client(server.url, admin.add_user(name)) for name in ("ada", "ben"))
    console.rule("[bold]1. Two users ask the same model", align="left")
    before = _ask_all(console, "Ada", ada, UNSEEN)
    others = _ask_all(console, "Ben", ben, ASKED_BY_BOTH)
    console.print(
        f"The same answers for both: {_same(before[: len(others)], others)} of {len(others)}.\n"
    )
    console.rule("[bold]2. Ada corrects five replies to lower case", align="left")
    _correct_all(console, ada)
    console.rule("[bold]3. Her adapter is trained", align="left")
    run = admin.train("ada")
    console.print(run_outcome(follow_run(console, admin.follow(run["id"]))))
    console.rule("[bold]4. The same questions, which she never corrected", align="left")
    after = _ask_all(console, "Ada", ada, UNSEEN)
    console.print(_comparison(before, after))
    again = _ask_all(console, "Ben", ben, ASKED_BY_BOTH)
    return _conclude(console, before, after, _same(others, again))


def _correct_all(console: Console, ada: Client) -> None:
    table = _table("The model said", "Ada corrected it to")
    for question, reply in zip(TAUGHT, _ask_all(console, "Ada", ada, TAUGHT), strict=True):
        correction = _whole_sentences(reply.text).lower()
        if correction == reply.text:
            raise DemoError(f"the model already answers in lower case: {question}")
        ada.feedback(reply.id, correction=correction)
        table.add_row(_short(reply.text), _short(correction))
    console.print(table)


def _comparison(before: Sequence[Reply], after: Sequence[Reply]) -> Table:
    table = _table("Question", f"Before ({before[0].adapter})", f"After ({after[0].adapter})")
    for question, old, new in zip(UNSEEN, before, after, strict=True):
        style = "green" if _is_lower(new.text) else "yellow"
        table.add_row(question, _short(old.text), Text(_short(new.text), style))
    return table


def _conclude(
    console: Console, before: Sequence[Reply], after: Sequence[Reply], unchanged: int
) -> bool:
    lower_before = sum(_is_lower(reply.text) for reply in before)
    lower_after = sum(_is_lower(reply.text) for reply in after)
    asked = len(ASKED_BY_BOTH)
    console.print(
        f"\nAda, in lower case: {lower_before} of {len(before)} before, {lower_after} after."
    )
    console.print(f"Ben, the same to the character: {unchanged} of {asked}.")
    return lower_after >= ENOUGH and unchanged == asked


def _ask_all(console: Console, name: str, api: Client, questions: Sequence[str]) -> list[Reply]:
    replies = []
    with console.status(f"{name} asks …") as status:
        for number, question in enumerate(questions, start=1):
            status.update(f"{name} asks, {number} of {len(questions)}: {question}")
            replies.append(api.chat(question, **OPTIONS))
    return replies


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 1, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold", ratio=1)
    return table


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _whole_sentences(text: str) -> str:
    """Without the sentence that the length limit cut off."""
    end = max(text.rfind(mark) for mark in ".!?")
    return text[: end + 1] if end > 0 else text


def _is_lower(text: str) -> bool:
    return text == text.lower() and any(character.isalpha() for character in text)


def _same(one: Sequence[Reply], other: Sequence[Reply]) -> int:
    return sum(a.text == b.text for a, b in zip(one, other, strict=True))
