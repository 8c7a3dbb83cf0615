"""`GET /v1/admin/overview`: what all users have together."""

from fastapi import APIRouter

from server.auth import App, KeyedRoute
from server.wire.responses import Json
from server.wire.shapes import Overview

router = APIRouter(prefix="/v1/admin/overview", route_class=KeyedRoute, tags=["admin: overview"])


@router.get("", response_model=Overview)
def read_overview(services: App) -> Json:
    """How many users, versions in use, new feedback and open runs; frontends that name nobody."""
    stores = services.stores
    adapters = stores.registry.totals()
    return {
        "object": "overview",
        "users": services.accounts.count(),
        "with_adapter": adapters.in_use,
        "new_feedback": stores.unseen.total(),
        "open_runs": stores.runs.count_open(),
        "size_bytes": adapters.size_bytes,
        "anonymous": [
            {
                "user": each.id,
                "name": each.name,
                "requests": services.anonymous.count(each.id),
                "remedy": services.anonymous.remedy(each),
            }
            for each in services.accounts.those(services.anonymous.frontends())
        ],
    }
