"""`/health`, `/ready`, `/metrics`: for the operator's probes, without a key."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from scheduler.records import RunStatus
from server.auth import App
from server.errors import NotReadyError, errors
from server.request_body import sends
from server.services import Services
from server.wire.responses import Json
from server.wire.shapes import Health, Ready

router = APIRouter(tags=["operator"])


@router.get("/health", response_model=Health)
async def health() -> Json:
    """Whether the process answers, even while it loads, trains or drains."""
    return {"status": "ok"}


@router.get("/ready", response_model=Ready, responses=errors(503))
def ready(services: App) -> Json:
    """Whether chat is answered and stored.

    503 while the model loads, if it failed, while draining, and while nothing can be stored.
    """
    if services.is_draining:
        raise NotReadyError("The server is stopping.")
    if (problem := services.stores.database.problem()) is not None:
        raise NotReadyError(str(problem))
    return {"status": "ready", "model": services.runtime.engine.model_name}


@router.get(
    "/metrics",
    response_class=Response,
    responses={**sends(CONTENT_TYPE_LATEST), **errors(503)},
)
def metrics(services: App) -> Response:
    """Prometheus' text format."""
    _observe(services)
    return Response(services.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _observe(services: Services) -> None:
    """Set the gauges from counts that are kept elsewhere."""
    gauges, stores = services.metrics, services.stores
    gauges.ready.set(services.is_ready)
    gauges.storing.set(stores.database.problem() is None)
    if services.is_ready:
        engine = services.runtime.engine
        gauges.running.set(engine.num_running)
        gauges.waiting.set(engine.num_waiting)
        gauges.adapters_resident.set(engine.num_resident_adapters)
        gauges.adapter_loads.set(engine.adapter_loads)
    by_status = stores.runs.count_by_status()
    for status in RunStatus:
        gauges.runs.labels(status.value).set(by_status.get(status.value, 0))
    gauges.pending_feedback.set(stores.log.count_pending())
