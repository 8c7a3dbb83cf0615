"""The evaluation suite of an adapter version: request a run, and read the newest."""

from fastapi import APIRouter

from server.auth import Admin, App
from server.errors import RequestError, errors
from server.wire.requests import VersionNumber
from server.wire.responses import Json, suite_run_json
from server.wire.shapes import SuiteRunItem

router = APIRouter(
    prefix="/v1/admin/adapters/{user}/versions/{number}/evaluate", tags=["admin: adapters"]
)


@router.post("", status_code=202, response_model=SuiteRunItem, responses=errors(410))
def evaluate(user: str, number: VersionNumber, admin: Admin, services: App) -> Json:
    """Run the suite on a version now; an open run is returned as it is."""
    account = services.accounts.find(user)
    version = services.stores.registry.servable(account.id, number)
    runtime = services.runtime
    if not runtime.fits(version):
        raise RequestError(400, f"{version.label} was made for another base model.", param="number")
    return suite_run_json(runtime.scheduler.suite.request(version, by=admin.name))


@router.get("", response_model=SuiteRunItem)
def read_evaluation(user: str, number: VersionNumber, services: App) -> Json:
    """The version's newest run of the suite."""
    account = services.accounts.find(user)
    version = services.stores.registry.version(account.id, number)
    run = services.stores.suite_runs.newest(account.id, number)
    if run is None:
        raise RequestError(404, f"The evaluation suite has not run on {version.label} yet.")
    return suite_run_json(run)
