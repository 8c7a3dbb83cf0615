"""`GET /v1/admin/audit` and `/activity`: who did what when, and how much feedback came by day."""

import time
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from server.auth import App, KeyedRoute
from server.errors import errors
from server.learning.audit_log import read_audit
from server.wire.responses import Json, page
from server.wire.shapes import Activity, AuditEntry, Page

MAX_PAGE = 200
MAX_DAYS = 366
MAX_CURSOR_LENGTH = 200
CURSOR = r"^[0-9]{1,12}(\.[0-9]{1,20})?_."
_DAY = 86400.0

UserName = Annotated[str | None, Query(max_length=512)]

router = APIRouter(prefix="/v1/admin", route_class=KeyedRoute, tags=["admin: audit"])


@router.get("/audit", response_model=Page[AuditEntry], responses=errors(404))
def list_audit(
    services: App,
    user: UserName = None,
    after: Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, pattern=CURSOR)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Json:
    """Who did what when, newest first; of one user with what happened to the feedback."""
    user_id = None if user is None else services.accounts.find(user).id
    stores = services.stores
    found = read_audit(
        stores.database,
        stores.erasures,
        user_id=user_id,
        after=None if after is None else _cursor(after),
        limit=limit,
    )
    entries = [{**each, "id": f"{each['at']!r}_{each['id']}"} for each in found.entries]
    return page(entries, found.has_more)


@router.get("/activity", response_model=Activity, responses=errors(404))
async def read_activity(
    services: App, user: UserName = None, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 30
) -> Json:
    """The feedback of the last days by day (UTC); of one user with tokens and device time."""
    since = (time.time() // _DAY - days + 1) * _DAY

    def read() -> Json:
        user_id = None if user is None else services.accounts.find(user).id
        log = services.stores.log
        found = [asdict(each) for each in log.by_day(since, user_id)]
        tokens = None if user_id is None else log.tokens(user_id, since)
        return {
            "object": "activity",
            "since": since,
            "days": found,
            "tokens": tokens and {"prompt": tokens[0], "completion": tokens[1]},
        }

    return await services.heavy_reads.run("admin activity", read)


def _cursor(after: str) -> tuple[float, str]:
    at, _, entry_id = after.partition("_")
    return float(at), entry_id
