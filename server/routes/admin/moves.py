"""`/v1/admin/users/{user}/move` and `/v1/admin/moves`: a user goes from one cell to another.

`loralei users move` calls both cells in turn. Every step can be repeated.
"""

import shutil
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from server.accounts.accounts import MAX_NAME_LENGTH, Account
from server.auth import App, KeyedRoute
from server.errors import errors
from server.request_body import body_of, bounded_stream, sends
from server.services import Services
from server.user_data import export
from server.user_data.moving import arrival, departure, proxy_map
from server.wire.requests import MoveDigest
from server.wire.responses import Json
from server.wire.shapes import CellMap, UserMove

router = APIRouter(prefix="/v1/admin", route_class=KeyedRoute, tags=["admin: cells"])
_MOVE = "/users/{user}/move"
_NewName = Annotated[str | None, Query(min_length=1, max_length=MAX_NAME_LENGTH)]


@router.get("/cell", response_model=CellMap)
async def read_cell(services: App) -> Json:
    """This cell, and the users whom the proxy's map must lead to it."""
    lines = await services.heavy_reads.run("", lambda: proxy_map.all_lines(services))
    cells = services.cells
    return {"object": "cell", "cell": cells.here, "cells": cells.shares, "map": lines}


@router.post(
    "/moves",
    status_code=201,
    response_model=UserMove,
    responses=errors(409),
    openapi_extra=body_of("application/zip"),
)
async def receive_user(request: Request, services: App, name: _NewName = None) -> Json:
    """Take a user, or a frontend, from the archive that another cell has packed.

    A user's requests are refused until the last step. `name` is for one whose name is taken here.
    """
    folder = await run_in_threadpool(services.stores.files.stage)
    try:
        archive = folder / "archive.zip"
        with archive.open("wb") as file:
            async for chunk in bounded_stream(request, services.settings.max_import_bytes):
                file.write(chunk)
        account = await run_in_threadpool(arrival.receive, services, archive, name=name)
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
    return await run_in_threadpool(_move_json, services, account)


@router.post(_MOVE, response_model=UserMove, responses=errors(409))
def begin_move(user: str, services: App) -> Json:
    """Refuse the user's requests from now on; those that are going on end as usual."""
    account = services.accounts.find(user)
    departure.begin(services, account)
    return _move_json(services, account)


@router.get(_MOVE, response_model=UserMove)
def read_move(user: str, services: App) -> Json:
    """How far the move is, and how many requests of the user are going on."""
    return _move_json(services, services.accounts.find(user))


@router.delete(_MOVE, response_model=UserMove, responses=errors(409))
def stop_move(user: str, services: App) -> Json:
    """Let a leaving user stay, or erase the copy of one that is arriving."""
    account = services.accounts.find(user)
    departure.stop(services, account)
    return _move_json(services, account)


@router.get(
    f"{_MOVE}/archive",
    response_class=StreamingResponse,
    responses={**sends("application/zip"), **errors(409)},
)
async def pack_user(user: str, services: App) -> StreamingResponse:
    """Everything of a leaving user, or a frontend's account, for `POST /v1/admin/moves`."""
    account = await run_in_threadpool(services.accounts.find, user)
    archive = await services.heavy_reads.run(account.id, lambda: departure.pack(services, account))
    return export.zip_response(archive, f"loralei-{account.id}.zip")


@router.post(f"{_MOVE}/finish", response_model=UserMove, responses=errors(409))
def finish_move(user: str, body: MoveDigest, services: App) -> Json:
    """Let go of a user of whom the other cell has the rows with this digest."""
    account = services.accounts.find(user)
    departure.finish(services, account, body.digest)
    return _move_json(services, account)


@router.post(f"{_MOVE}/open", response_model=UserMove, responses=errors(409))
def open_user(user: str, body: MoveDigest, services: App) -> Json:
    """Answer a user who has arrived with these rows, once the other cell has let go."""
    account = services.accounts.find(user)
    arrival.open_account(services, account, body.digest)
    return _move_json(services, account)


def _move_json(services: Services, account: Account) -> Json:
    move = services.moves.of(account.id)
    return {
        "object": "user.move",
        "user": account.id,
        "name": account.name,
        "state": "here" if move is None else move.state.value,
        "requests": services.moves.num_present(account.id),
        "digest": None if move is None else move.digest,
        "map": proxy_map.lines_of_user(services, account) if services.cells.here else [],
    }
