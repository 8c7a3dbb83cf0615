"""The HTTP application: its routes, and the key that each needs.

The routers of `/v1` and `/api/public` demand a key, those of `/v1/admin` an admin's, so no route
can forget to ask.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.cors import CORSMiddleware

from server.auth import authenticate, authenticate_password, require_admin
from server.errors import install_error_handlers
from server.middleware import RequestFrame
from server.openapi import DocumentedApi
from server.routes import (
    chat,
    chats,
    completions,
    feedback,
    health,
    index,
    me,
    models,
    responses,
    rules,
    running,
    scores,
    text_completions,
)
from server.routes.admin import (
    adapters,
    audit,
    backup,
    evaluations,
    moves,
    organisation,
    overview,
    runs,
    users,
    versions,
)
from server.routes.pages import pages_router
from server.services import Services

HOUSEKEEPING_SECONDS = 3600.0


def create_app(services: Services) -> FastAPI:
    """The application; it starts and stops these services."""
    app = DocumentedApi(
        title="Loralei",
        description="A chat server that becomes a different model for each of its users.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    install_error_handlers(app)
    app.add_middleware(RequestFrame, metrics=services.metrics)
    if origins := services.settings.cors_origins:
        # The outermost, so that pages can read every answer.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[
                "x-request-id",
                "x-loralei-adapter",
                "x-loralei-organisation",
                "x-loralei-chat",
                "x-loralei-user",
                "retry-after",
            ],
        )
    app.include_router(health.router)
    app.include_router(pages_router())
    app.include_router(_behind_a_key())
    app.include_router(scores.router, dependencies=[Depends(authenticate_password)])
    app.include_router(_behind_an_admins_key())
    return app


def _behind_a_key() -> APIRouter:
    router = APIRouter(dependencies=[Depends(authenticate)])
    for each in (
        index,
        chat,
        completions,
        running,
        responses,
        text_completions,
        models,
        feedback,
        chats,
        me,
        rules,
    ):
        router.include_router(each.router)
    return router


def _behind_an_admins_key() -> APIRouter:
    router = APIRouter(dependencies=[Depends(require_admin)])
    for each in (
        users,
        adapters,
        versions,
        organisation,
        runs,
        evaluations,
        overview,
        audit,
        backup,
        moves,
    ):
        router.include_router(each.router)
    return router


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    await run_in_threadpool(services.start)
    housekeeping = asyncio.create_task(_housekeep(services))
    try:
        yield
    finally:
        housekeeping.cancel()
        await services.running.stop()
        await run_in_threadpool(services.stop)


async def _housekeep(services: Services) -> None:
    while True:
        await run_in_threadpool(services.expire)
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
        await run_in_threadpool(services.housekeep)
