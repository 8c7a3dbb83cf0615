"""The cell that a user comes to: store everything, prove that it is all, open once the other cell
has let go."""

import shutil
import time
from pathlib import Path
from typing import Any

from sqlite_utils.utils import sqlite3

from feedback.records import ORGANISATION
from server.accounts.accounts import Account, UnknownAccountError, check_name
from server.accounts.moves import ArchiveError, Move, MoveConflictError, MoveState
from server.accounts.transfer import write_account
from server.services import Services
from server.user_data.moving.archive import ArchiveReader, Arrival
from server.user_data.moving.departure import unfreeze
from server.user_data.moving.tables import Rows, digest_of, read_rows, write_rows


def receive(services: Services, archive: Path, *, name: str | None = None) -> Account:
    """Store the user in an archive, closed until `open_account`; a frontend is open at once.

    A copy that never opened, and what an earlier move left behind, are replaced. A `name` is for a
    user whose own is taken here. Raises `ArchiveError`, `MoveConflictError`, `NameTakenError`,
    `InvalidNameError`, `AdapterInvalidError`; nothing is stored then.
    """
    with ArchiveReader(archive, services.settings.max_import_bytes) as reader:
        arrival = reader.arrival()
        rows = reader.rows(arrival.digest)
        user_id = arrival.account["id"]
        if name is not None:
            check_name(name)
            arrival.account["name"] = name
        _check(services, arrival)
        earlier = {each.folder for each in services.stores.registry.versions(user_id)}
        services.stores.files.remove_folders(earlier)
        adopted: set[str] = set()
        try:
            for row in rows.get("adapter_versions", ()):
                if row["folder"] in reader.folders():
                    _adopt(services, reader, user_id, row)
                    adopted.add(row["folder"])
            _store(services, arrival, rows)
        except BaseException:
            services.stores.files.remove_folders(adopted)
            raise
    services.rules.forget(user_id)
    return services.accounts.find(user_id)


def open_account(services: Services, account: Account, digest: str) -> None:
    """Answer the user's requests from now on. A second call changes nothing.

    Raises `MoveConflictError` if what is here has another digest.
    """
    move = services.moves.of(account.id)
    if move is None:
        return
    if move.state is not MoveState.ARRIVING or move.digest != digest:
        raise MoveConflictError("This cell does not have these rows of the user.")
    unfreeze(services, account, move)


def _check(services: Services, arrival: Arrival) -> None:
    account = arrival.account
    if account.get("kind") not in ("user", "frontend") or account["id"] == ORGANISATION:
        raise ArchiveError("only users and frontends can come from another cell")
    frontend_id = account.get("frontend_id")
    if frontend_id is not None and not services.accounts.exists(str(frontend_id)):
        raise MoveConflictError("The user's frontend is unknown here: copy it to this cell before.")
    try:
        here = services.accounts.find(account["id"])
    except UnknownAccountError:
        return
    move = services.moves.of(here.id)
    if not here.is_frontend and (move is None or move.state is MoveState.LEAVING):
        raise MoveConflictError("This user is here already.")


def _adopt(services: Services, reader: ArchiveReader, user_id: str, row: dict[str, Any]) -> None:
    files = services.stores.files
    staged = files.stage()
    try:
        reader.unpack(row["folder"], staged)
        files.adopt(staged, row["folder"], checksum=row["checksum"], user_id=user_id)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _store(services: Services, arrival: Arrival, rows: Rows) -> None:
    database, user_id = services.stores.database, arrival.account["id"]
    try:
        with database.atomic():
            write_account(database, arrival.account, arrival.keys)
            if arrival.account["kind"] == "frontend":
                return
            write_rows(database, user_id, rows)
            if digest_of(read_rows(database, user_id)) != arrival.digest:
                raise ArchiveError("the rows would not be here what they were there")
            move = Move(MoveState.ARRIVING, arrival.digest, bool(arrival.unfreezes))
            services.moves.set(user_id, move, time.time())
    except sqlite3.IntegrityError as error:
        raise MoveConflictError(f"This cell cannot take these rows: {error}.") from error
