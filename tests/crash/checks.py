"""What must hold after a kill and a restart, whatever the moment: read from the data folder."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from adapters_store.durable import sha256_of
from adapters_store.files import WEIGHTS_FILE, published_folders
from adapters_store.registry_reader import RegistryReader
from feedback.examples.build import possible_ids
from feedback.store.reader import FeedbackReader
from server.data_folder import ADAPTERS_FOLDER, DATABASE_FILE
from server.storage.checks import is_whole, open_to_read
from tests.crash.ledger import Given, Ledger, Turn

Row = dict[str, Any]


def problems(data: Path, ledger: Ledger) -> list[str]:
    """Sentences about what is lost, doubled or torn. No run may be going on."""
    with open_to_read(data / DATABASE_FILE) as connection:
        if not is_whole(connection):
            return ["PRAGMA quick_check found damage"]
        database = Database(connection)
        return [
            *_of_turns(list(database.query("SELECT * FROM interactions")), ledger),
            *_of_feedback(list(database.query("SELECT * FROM feedback")), ledger),
            *_of_titles(database, ledger),
            *_of_runs(database, ledger),
            *_of_versions(database, ledger),
            *_of_what_was_learned(database, ledger),
            *_of_files(database, data),
        ]


def _of_turns(rows: list[Row], ledger: Ledger) -> Iterator[str]:
    stored: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == "complete":  # a reply whose client left is stored, too
            stored[json.loads(row["messages"])[-1][1]].append(row)
    for turn in ledger.turns:
        found = stored[turn.text]
        yield from _count_problems(turn, len(found))
        if found and turn.id is not None:
            [row] = found[:1]
            if (row["id"], row["user_id"]) != (turn.id, turn.user):
                yield f"{turn.text!r} is stored as another turn"
            if json.loads(row["replies"]) != [turn.reply]:
                yield f"the reply to {turn.text!r} is not the one that was sent"


def _of_feedback(rows: list[Row], ledger: Ledger) -> Iterator[str]:
    texts = [row["correction"] or row["comment"] for row in rows]
    counts = Counter(texts)
    turns = {text: row["completion_id"] for text, row in zip(texts, rows, strict=True)}
    for given in ledger.given:
        if given.turn.is_deleted is False:
            yield from _count_problems(given, counts[given.text])
        elif given.turn.is_deleted and counts[given.text]:
            yield f"{given.text!r} is stored, but its turn was deleted"
        if counts[given.text] and turns[given.text] != given.turn.id:
            yield f"{given.text!r} is about another turn"
    for each in ledger.imports:
        found = [counts[text] for text in each.texts]
        if len(set(found)) != 1 or found[0] > 1:
            yield f"an import is not stored as a whole, once: {found}"


def _count_problems(item: Turn | Given, count: int) -> Iterator[str]:
    is_certain = item.id is not None and item.is_deleted is False
    if count > 1:
        yield f"{item.text!r} is stored {count} times"
    if is_certain and count == 0:
        yield f"{item.text!r} was acknowledged and is lost"
    if item.is_deleted and count:
        yield f"{item.text!r} was deleted and is stored again"


def _of_titles(database: Database, ledger: Ledger) -> Iterator[str]:
    rows = database.query("SELECT user_id, conversation_id, title FROM chat_titles")
    found = {(row["user_id"], row["conversation_id"]): row["title"] for row in rows}
    for title in ledger.titles:
        if found.get((title.user, title.chat_id)) not in (
            {title.text} if title.is_acknowledged else {title.text, None}
        ):
            yield f"the title {title.text!r} is lost"


def _of_runs(database: Database, ledger: Ledger) -> Iterator[str]:
    runs = {row["id"]: row for row in database.query("SELECT * FROM runs")}
    yield from (f"the acknowledged {run} is lost" for run in ledger.runs if run not in runs)
    made = {
        row["run_id"]: row
        for row in database.query("SELECT * FROM adapter_versions WHERE run_id IS NOT NULL")
    }
    for run in runs.values():
        if run["status"] in ("queued", "running"):
            yield f"{run['id']} is still {run['status']}"
        version = made.get(run["id"])
        if run["version"] != (None if version is None else version["number"]):
            yield f"{run['id']} and the registry do not agree which version it made"
        if run["status"] == "promoted" and run["version"] is None:
            yield f"{run['id']} was promoted without a version"
    yield from (f"{run} made a version and is unknown" for run in made if run not in runs)


def _of_versions(database: Database, ledger: Ledger) -> Iterator[str]:
    registry = RegistryReader(database)
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in database.query("SELECT user_id, number FROM adapter_versions ORDER BY number"):
        numbers[row["user_id"]].append(row["number"])
    for user, found in numbers.items():
        if found != list(range(1, len(found) + 1)):
            yield f"the versions of {user} are {found}"
        active, moves = registry.active(user), registry.promotions(user)
        newest = moves[0].to_number if moves else None
        if newest != (None if active is None else active.number):
            yield f"the version in use of {user} is not the one that was promoted last"
        if active is not None and active.withdrawn_at is not None:
            yield f"the version in use of {user} is withdrawn"
    for user, number in ledger.versions:
        if number not in numbers[user]:
            yield f"the acknowledged v{number} of {user} is lost"


def note_what_was_learned(data: Path, ledger: Ledger) -> None:
    """Note which examples of feedback each new version has learned. Nothing is withdrawn yet."""
    with open_to_read(data / DATABASE_FILE) as connection:
        for version, example_ids, possible, _ in _trained_versions(Database(connection)):
            ledger.learned.setdefault(version, example_ids & possible)


def _of_what_was_learned(database: Database, ledger: Ledger) -> Iterator[str]:
    """A version answers if, and only if, the feedback that it learned from is there."""
    for version, example_ids, possible, is_withdrawn in _trained_versions(database):
        learned = ledger.learned.setdefault(version, example_ids & possible)
        if not learned:
            yield f"{version} has learned from no feedback"
        if (learned <= possible) == is_withdrawn:
            state = "is withdrawn" if is_withdrawn else "is not withdrawn"
            yield f"{version} {state}, against what it learned from"


def _trained_versions(
    database: Database,
) -> Iterator[tuple[tuple[str, int], frozenset[str], frozenset[str], bool]]:
    """Owner and number, its examples, all examples that are possible now, and if it is withdrawn.

    Examples of other sources than feedback are never among the possible ones.
    """
    log = FeedbackReader(database)
    rows = database.query("SELECT * FROM adapter_versions WHERE run_id IS NOT NULL")
    for row in list(rows):
        user = row["user_id"]
        turns, feedback = log.turns_with_feedback(user)
        possible = possible_ids(turns + log.regenerated(user), feedback)
        example_ids = frozenset(json.loads(row["example_ids"]))
        is_withdrawn = row["withdrawn_at"] is not None
        yield (user, row["number"]), example_ids, possible, is_withdrawn


def _of_files(database: Database, data: Path) -> Iterator[str]:
    folder = data / ADAPTERS_FOLDER
    rows = list(
        database.query(
            "SELECT * FROM adapter_versions WHERE withdrawn_at IS NULL AND deleted_at IS NULL"
        )
    )
    wanted, found = {row["folder"] for row in rows}, published_folders(folder)
    yield from (f"the folder {name} is missing" for name in wanted - found)
    yield from (f"the folder {name} belongs to no version" for name in found - wanted)
    for row in rows:
        weights = folder / row["folder"] / WEIGHTS_FILE
        if weights.is_file() and sha256_of(weights) != row["checksum"]:
            yield f"the weights in {row['folder']} are not those that were published"
    for leftover in (folder / ".staging", data / "jobs"):
        if leftover.is_dir() and any(leftover.iterdir()):
            yield f"{leftover.name} is not empty"
