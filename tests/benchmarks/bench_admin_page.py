"""How long the admin page takes with many users, in a real browser.

`python -m tests.benchmarks.bench_admin_page [users]` makes them in a database of its own, and
prints the time from the address to the first row, of a search, of a sort and of the next page.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from server.database import SharedDatabase
from tests.server.browser import PATIENCE_MS, chromium, new_page
from tests.server.live import LiveServer, listening

USERS = 10_000
WITH_VERSION = 10
"""One in so many has a version in use, a run and new feedback."""
_REPORT = '{"verdict": {"outcome": "provisional", "reasons": ["' + "why " * 1000 + '"]}}'


def fill(database: SharedDatabase, count: int, now: float) -> None:
    """Make users; some with a version, a run and feedback that no run has seen."""
    ids = [(number, f"user-{number:032x}") for number in range(count)]
    some = [(number, user) for number, user in ids if number % WITH_VERSION == 0]
    with database.atomic():
        database.conn.executemany(
            "INSERT INTO users (id, name, kind, created_at, last_seen_at)"
            " VALUES (?, ?, 'user', ?, ?)",
            [
                (user, f"person {number:05d}", now - number, now - 3 * number)
                for number, user in ids
            ],
        )
        database.conn.executemany(
            "INSERT INTO adapter_versions (user_id, number, folder, checksum, size_bytes,"
            " base_model, base_revision, lora, created_at, created_by, example_ids, report)"
            " VALUES (?, 1, ?, 'c', 1000000, 'tiny', 'r', '{\"rank\": 8, \"alpha\": 16,"
            ' "targets": []}\', ?, \'schedule\', \'["a", "b"]\', ?)',
            [(user, f"folder-{number}", now, _REPORT) for number, user in some],
        )
        database.conn.executemany(
            "INSERT INTO adapter_pointers (user_id, number) VALUES (?, 1)",
            [(user,) for _, user in some],
        )
        database.conn.executemany(
            "INSERT INTO runs (id, user_id, status, trigger, requested_by, created_at, started_at,"
            " finished_at, progress, report, usage) VALUES (?, ?, 'promoted', 'schedule',"
            " 'schedule', ?, ?, ?, '{}', ?, '{\"device_seconds\": 90}')",
            [(f"run-{number}", user, now, now, now, _REPORT) for number, user in some],
        )
        database.conn.executemany(
            "INSERT INTO feedback_audit (feedback_id, user_id, action, at, trains)"
            " VALUES (?, ?, 'created', ?, 1)",
            [(f"feedback-{number}", user, now) for number, user in some],
        )


def seconds(act: Callable[[], None]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure(live: LiveServer, page: Page, users: int) -> dict[str, float]:
    """Seconds of what an admin does first; a page that was never loaded comes first."""
    rows = page.locator("tbody tr")
    last = f"person {users - 1:05d}"

    def paint() -> None:
        page.goto(f"/admin#key={live.admin_key}")
        expect(rows.first).to_be_visible()

    def search() -> None:
        page.get_by_role("searchbox").fill(last)
        expect(rows).to_have_count(1)

    def sort() -> None:
        page.get_by_role("button", name="Last seen").click()
        expect(page.get_by_role("columnheader", name="Last seen")).to_have_attribute(
            "aria-sort", "descending"
        )

    def more() -> None:
        page.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(100)

    def reload() -> None:
        page.reload()
        expect(rows.first).to_be_visible()

    found = {"first paint": seconds(paint), "reload": seconds(reload), "search": seconds(search)}
    page.get_by_role("searchbox").fill("")
    expect(rows).to_have_count(50)
    return found | {"sort": seconds(sort), "more": seconds(more)}


def main() -> None:
    """Fill a database, and measure the page over it."""
    users = int(sys.argv[1]) if len(sys.argv) > 1 else USERS
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        # The model is never loaded: the page of admins does not need it.
        with listening(data / "no-model", data / "data") as live:
            # The start ends by reading all adapters' files; those that are made up have none.
            live.services.wait_until_loaded(PATIENCE_MS / 1000)
            fill(live.services.stores.database, users, time.time())
            with chromium() as browser, new_page(browser, live.url) as page:
                for name, took in measure(live, page, users).items():
                    print(f"{name}: {took:.2f} s")


if __name__ == "__main__":
    main()
