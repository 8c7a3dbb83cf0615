"""`/v1/admin/runs`: training runs, and their progress as server-sent events."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import IO, Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from scheduler.errors import RunNotFoundError
from scheduler.records import TrainingRun
from server.auth import App
from server.chat.streaming import PING, PING_SECONDS, EventStream, event
from server.errors import errors
from server.learning.usage import run_with_cost
from server.request_body import sends
from server.services import Services
from server.user_data.export import zip_response
from server.user_data.mlflow_export import mlflow_archive
from server.wire.responses import Json
from server.wire.shapes import ListedRun, ListOf, Run

MAX_PAGE = 1000
POLL_SECONDS = 0.25

router = APIRouter(prefix="/v1/admin/runs", tags=["admin: runs"])


@router.get("", response_model=ListOf[ListedRun], responses=errors(404))
def list_runs(
    services: App,
    user: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Json:
    """Trainings of one user or of all, newest first."""
    user_id = services.accounts.find(user).id if user is not None else None
    runs = services.stores.runs.runs(user_id, limit=limit)
    users = services.accounts.those({run.user_id for run in runs})
    names = {user.id: user.name for user in users}
    data = [
        {**run_with_cost(services, run), "user_name": names[run.user_id]}
        for run in runs
        if run.user_id in names
    ]
    return {"object": "list", "data": data}


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={**sends("application/zip"), **errors(404)},
)
async def export_runs(
    services: App,
    user: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
) -> StreamingResponse:
    """The newest trainings in the files of MLflow's local store, as a ZIP of `mlruns/`."""

    def write() -> IO[bytes]:
        user_id = services.accounts.find(user).id if user is not None else None
        runs = services.stores.runs.runs(user_id, limit=limit)
        users = services.accounts.those({run.user_id for run in runs})
        return mlflow_archive(runs, {each.id: each.name for each in users})

    archive = await services.heavy_reads.run("admin runs", write)
    return zip_response(archive, "loralei-mlruns.zip")


@router.get("/{run_id}", response_model=Run)
def read_run(run_id: str, services: App) -> Json:
    """One training."""
    return run_with_cost(services, services.stores.runs.run(run_id))


@router.post("/{run_id}/cancel", response_model=Run)
def cancel_run(run_id: str, services: App) -> Json:
    """End a training; the version in use stays. One that has ended is returned as it is."""
    return run_with_cost(services, services.runtime.scheduler.cancel(run_id))


@router.get(
    "/{run_id}/events",
    response_class=StreamingResponse,
    responses=sends("text/event-stream"),
)
async def watch_run(run_id: str, services: App) -> EventStream:
    """The training as JSON, again after every change, until it has ended."""
    run = await run_in_threadpool(services.stores.runs.run, run_id)
    return EventStream(_changes(services, run))


async def _changes(services: Services, run: TrainingRun) -> AsyncGenerator[str, None]:
    yield event(run_with_cost(services, run))
    sent_at = time.monotonic()
    while not (run.status.is_final or services.is_draining):
        await asyncio.sleep(POLL_SECONDS)
        try:
            latest = await run_in_threadpool(services.stores.runs.run, run.id)
        except RunNotFoundError:  # its user was erased
            return
        if latest != run:
            run, sent_at = latest, time.monotonic()
            yield event(run_with_cost(services, run))
        elif time.monotonic() - sent_at > PING_SECONDS:
            sent_at = time.monotonic()
            yield PING
