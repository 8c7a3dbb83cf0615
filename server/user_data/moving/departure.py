"""The cell that a user leaves: refuse new requests, pack everything, let go.

Nothing is deleted before the other cell has it all: `finish` compares digests.
"""

import time
from typing import IO

from server.accounts.accounts import Account, OrganisationAccountError
from server.accounts.moves import Move, MoveConflictError, MoveState
from server.accounts.transfer import read_account
from server.services import Services
from server.user_data.erasure import erase_account, erase_data
from server.user_data.moving.archive import Arrival, write_archive
from server.user_data.moving.tables import Rows, digest_of, read_rows

_ACTOR = "move"
"""Recorded as the user who froze the adapter."""
_PATIENCE = 2.0
"""Seconds in which requests that are refused meanwhile leave a moment without any."""


def begin(services: Services, account: Account) -> None:
    """Refuse the user's requests from now on. A second call changes nothing.

    Raises `MoveConflictError` for an admin or a frontend, and during a training.
    """
    if account.is_organisation:
        raise OrganisationAccountError("Every cell has an organisation's adapter of its own.")
    if account.is_admin:
        raise MoveConflictError("An admin belongs to one cell: make another one there.")
    if account.is_frontend:
        raise MoveConflictError("A frontend is in every cell: copy it, and move its users.")
    stores, move = services.stores, services.moves.of(account.id)
    if move is not None:
        return
    with stores.database.atomic():
        _refuse_open_runs(read_rows(stores.database, account.id))
        unfreezes = not stores.registry.is_frozen(account.id)
        now = time.time()
        stores.registry.set_frozen(account.id, True, by=_ACTOR, at=now)
        services.moves.set(account.id, Move(MoveState.LEAVING, None, unfreezes), now)


def pack(services: Services, account: Account) -> IO[bytes]:
    """The archive of a user who is leaving, or of a frontend, open at its start.

    Raises `MoveConflictError` if the user is not leaving, or if something may still change.
    """
    stores = services.stores
    move = services.moves.of(account.id)
    if not account.is_frontend and (move is None or move.state is not MoveState.LEAVING):
        raise MoveConflictError("The user is not leaving: begin the move before.")
    if not account.is_frontend and not services.moves.wait_until_quiet(account.id, _PATIENCE):
        raise MoveConflictError("Requests of the user are still being answered.")
    with stores.database.snapshot():
        rows = {} if account.is_frontend else read_rows(stores.database, account.id)
        _refuse_open_runs(rows)
        row, keys = read_account(stores.database, account.id)
        versions = stores.registry.versions(account.id)
    arrival = Arrival(row, keys, digest_of(rows), move is not None and move.unfreezes)
    there = [each for each in versions if each.withdrawn_at is None]
    damaged = stores.files.damaged(there)
    folders = [stores.files.open(each) for each in there if each not in damaged]
    return write_archive(arrival, rows, folders)


def finish(services: Services, account: Account, digest: str) -> None:
    """Let go of a user of whom the other cell has the rows with this digest.

    The account and its keys stay, so that requests that still come here are told to try again. A
    second call changes nothing. Raises `MoveConflictError` if the rows have changed since.
    """
    stores = services.stores
    with stores.database.atomic():
        move = services.moves.of(account.id)
        rows = read_rows(stores.database, account.id)
        if move is None or move.state is MoveState.ARRIVING:
            raise MoveConflictError("The user is not leaving.")
        if move.state is MoveState.LEAVING and digest_of(rows) != digest:
            raise MoveConflictError("Something of the user has changed: pack it again.")
        if move.state is MoveState.MOVED and move.digest != digest:
            raise MoveConflictError("The user has moved with other rows than these.")
        services.moves.set(account.id, Move(MoveState.MOVED, digest, move.unfreezes), time.time())
    # The other cell has the user from here on. What a crash leaves here, a second call deletes.
    if any(rows.values()):
        erase_data(services, account)


def stop(services: Services, account: Account) -> None:
    """Let a leaving user stay, or erase the copy of one that is arriving.

    Raises `MoveConflictError` if there is no such move, or if the user has moved.
    """
    move = services.moves.of(account.id)
    if move is not None and move.state is MoveState.ARRIVING:
        erase_account(services, account)
        return
    if move is None or move.state is MoveState.MOVED:
        raise MoveConflictError("The user is not leaving: there is nothing to stop.")
    unfreeze(services, account, move)


def unfreeze(services: Services, account: Account, move: Move) -> None:
    """End a move here: the user's requests are answered again."""
    with services.stores.database.atomic():
        if move.unfreezes:
            registry, now = services.stores.registry, time.time()
            registry.set_frozen(account.id, False, by=_ACTOR, at=now)
        services.moves.end(account.id)


def _refuse_open_runs(rows: Rows) -> None:
    for table, what in (("runs", "training"), ("suite_runs", "evaluation")):
        if any(row["status"] in ("queued", "running") for row in rows.get(table, ())):
            raise MoveConflictError(f"A {what} of the user is open: wait for it, or cancel it.")
