"""`/v1/admin/users`: accounts and keys; users' data, to export, to import, to erase."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from scheduler.records import TrainingRun
from server.accounts.accounts import (
    Account,
    AccountKind,
    NoFrontendError,
    OrganisationAccountError,
)
from server.auth import Admin, App, KeyedRoute
from server.errors import RequestError, errors
from server.learning.curation_view import curation_json
from server.learning.usage import training_usage
from server.learning.user_list import find_users
from server.request_body import body_of, parse_json, read_bounded, sends
from server.services import Services
from server.user_data import erasure, export
from server.user_data.open_webui_import import import_ratings
from server.wire.paging import UserQuery
from server.wire.requests import IdentityRequest, NewUser
from server.wire.responses import Json, account_json, label, page
from server.wire.shapes import (
    AccountItem,
    Curation,
    ErasedUser,
    ImportedFeedback,
    ImportedRatings,
    NewAccount,
    UserItem,
    UserPage,
)

MAX_RATINGS = 100_000

router = APIRouter(prefix="/v1/admin/users", route_class=KeyedRoute, tags=["admin: users"])


@router.get("", response_model=UserPage, responses=errors(404))
def list_users(services: App, query: Annotated[UserQuery, Query()]) -> Json:
    """Accounts, oldest first unless `sort` and `order` say otherwise; `total` is of all pages."""
    found = find_users(services.stores.database, query)
    users = [_user(services, each) for each in services.accounts.those(found.ids)]
    return {**page(users, found.has_more), "total": found.total}


@router.post("", status_code=201, response_model=NewAccount, responses=errors(409))
def create_user(body: NewUser, admin: Admin, services: App) -> Json:
    """Make an account with a key, which is shown only now."""
    kind = AccountKind(body.kind)
    account, key = services.accounts.create(body.name, kind, time.time(), body.rules, by=admin.id)
    return {**account_json(account), "key": key}


@router.get("/{user}", response_model=UserItem)
def read_user(user: str, services: App) -> Json:
    """One account, by id or name."""
    return _user(services, services.accounts.find(user))


@router.post("/{user}/key", status_code=201, response_model=NewAccount)
def replace_key(user: str, admin: Admin, services: App) -> Json:
    """Make a new key for an account and revoke the old ones, at once."""
    account = services.accounts.find(user)
    key = services.accounts.replace_key(account.id, time.time(), by=admin.id)
    return {**account_json(account), "key": key}


@router.put("/{user}/identity", response_model=AccountItem)
def set_identity(user: str, body: IdentityRequest, services: App) -> Json:
    """Say how a frontend names its users; an empty object leaves it to the settings again."""
    account = services.accounts.find(user)
    return account_json(services.accounts.set_identity_rules(account, body.rules))


@router.delete("/{user}", response_model=ErasedUser, responses=errors(409))
def erase_user(user: str, services: App) -> Json:
    """Erase an account with all its data; for a frontend, also all its users."""
    account = services.accounts.find(user)
    erased = erasure.erase_account(services, account)
    return {"object": "user.erased", "id": account.id, "erased": erased}


@router.get("/{user}/export", response_class=StreamingResponse, responses=sends("application/zip"))
async def export_user(user: str, services: App) -> StreamingResponse:
    """Everything that is stored of a user, as `GET /v1/me/export` gives it."""
    account = await run_in_threadpool(services.accounts.find, user)
    archive = await services.heavy_reads.run(
        account.id, lambda: export.export_archive(services, account)
    )
    return export.zip_response(archive, f"loralei-{account.id}.zip")


@router.post(
    "/{user}/feedback",
    status_code=201,
    response_model=ImportedFeedback,
    openapi_extra=body_of("application/x-ndjson", required=False),
)
async def import_feedback(user: str, request: Request, services: App) -> Json:
    """Import the lines of an export's `feedback.jsonl` as this user's own."""
    raw = await read_bounded(request, services.settings.max_import_bytes)
    return await run_in_threadpool(_import, services, user, raw)


@router.post(
    "/{user}/feedback/open-webui",
    status_code=201,
    response_model=ImportedRatings,
    openapi_extra=body_of("application/json", required=False),
)
async def import_open_webui(user: str, request: Request, services: App) -> Json:
    """Import Open WebUI's feedback export for the users of this frontend.

    Ratings that cannot be used are skipped, with the reason.
    """
    raw = await read_bounded(request, services.settings.max_import_bytes)
    return await run_in_threadpool(_import_ratings, services, user, raw)


@router.get("/{user}/curation", response_model=Curation)
async def curate_user(user: str, services: App) -> Json:
    """Which of a user's examples the next training accepts, and why it rejects the others."""
    account = await run_in_threadpool(services.accounts.find, user)
    return await services.heavy_reads.run(account.id, lambda: curation_json(services, account.id))


def _import(services: Services, user: str, raw: bytes) -> Json:
    with services.stores.database.atomic():
        account = services.accounts.find(user)
        if account.is_organisation:
            raise OrganisationAccountError("Import feedback to a user: the organisation has none.")
        stored = services.stores.log.import_rows(account.id, _records(raw))
    return {"object": "feedback.imported", "user": account.id, "rows": stored}


def _import_ratings(services: Services, user: str, raw: bytes) -> Json:
    frontend = services.accounts.find(user)
    if not frontend.is_frontend:
        raise NoFrontendError("only a frontend has users of its own: import into a frontend")
    rows = parse_json(raw)
    if not isinstance(rows, list) or len(rows) > MAX_RATINGS:
        raise RequestError(400, f"The export is not a list of at most {MAX_RATINGS} ratings.")
    done = import_ratings(services, frontend, rows, time.time())
    return {
        "object": "ratings.imported",
        "frontend": frontend.id,
        "rows": done.rows,
        "users": len(done.users),
        "skipped": done.skipped,
    }


def _records(raw: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(raw.splitlines(), start=1):
        if line.strip():
            record = parse_json(line)
            if not isinstance(record, dict):
                raise RequestError(400, f"Line {number} is not a JSON object.")
            yield record


def _anonymous(services: Services, account: Account) -> Json | None:
    anonymous = services.anonymous
    requests = anonymous.count(account.id)
    return {"requests": requests, "remedy": anonymous.remedy(account)} if requests else None


def _user(services: Services, account: Account) -> Json:
    stores = services.stores
    adapter, run = stores.registry.in_short(account.id), stores.runs.newest(account.id)
    return {
        **account_json(account),
        "anonymous": _anonymous(services, account),
        "adapter": label(adapter.number),
        "frozen": adapter.is_frozen,
        "learned": adapter.learned,
        "size_bytes": adapter.size_bytes,
        "new_feedback": stores.unseen.of(account.id).items,
        "last_run": None if run is None else _in_short(run),
        "counts": asdict(stores.log.counts(account.id)),
        "usage": training_usage(services, account.id),
    }


def _in_short(run: TrainingRun) -> Json:
    return {
        "id": run.id,
        "status": run.status.value,
        "progress": asdict(run.progress),
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }
