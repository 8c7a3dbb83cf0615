"""One version from close by: what it was taught, and its replies to a prompt beside others'."""

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from adapters_store.records import AdapterVersion
from server.auth import Admin, App, KeyedRoute
from server.errors import RequestError, errors, naming_params
from server.learning.side_by_side import plan_replies, write_replies
from server.learning.taught import taught_json
from server.services import Services
from server.wire.requests import ComparedPrompt, VersionNumber
from server.wire.responses import Json
from server.wire.shapes import Compared, Taught

router = APIRouter(
    prefix="/v1/admin/adapters/{user}/versions/{number}",
    route_class=KeyedRoute,
    tags=["admin: adapters"],
)


@router.get("/taught", response_model=Taught)
async def read_taught(user: str, number: VersionNumber, services: App) -> Json:
    """What the version was taught: examples, rules, ancestors, and samples of its replies."""
    version = await run_in_threadpool(_version, services, user, number)
    return await services.heavy_reads.run(version.user_id, lambda: taught_json(services, version))


@router.post("/compare", response_model=Compared, responses=errors(410))
async def compare(
    user: str, number: VersionNumber, body: ComparedPrompt, admin: Admin, services: App
) -> Json:
    """Ask the base, the base with memory, the parent and the version. Nothing is stored."""
    version = await run_in_threadpool(_servable, services, user, number)
    with naming_params({"messages": "prompt"}):
        candidates = await services.planning.run(
            admin.id, lambda: plan_replies(services, version, body.prompt)
        )
        replies = await write_replies(
            services, candidates, asked_by=admin.id, owner=version.user_id
        )
    return {"object": "adapter.comparison", "prompt": body.prompt, "replies": replies}


def _version(services: Services, user: str, number: int) -> AdapterVersion:
    return services.stores.registry.version(services.accounts.find(user).id, number)


def _servable(services: Services, user: str, number: int) -> AdapterVersion:
    version = services.stores.registry.servable(services.accounts.find(user).id, number)
    if not services.runtime.fits(version):
        raise RequestError(400, f"{version.label} was made for another base model.", param="number")
    return version
