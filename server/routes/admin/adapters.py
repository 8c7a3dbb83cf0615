"""`/v1/admin/adapters`: every user's versions, their verdicts, and what admins can do with them."""

import base64
import shutil
import time
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from adapters_store.exchange.base_names import base_warning
from adapters_store.exchange.imported_config import read_imported_config
from adapters_store.files import WEIGHTS_FILE
from adapters_store.records import AdapterVersion
from scheduler.policy import is_due
from server.accounts.accounts import Account
from server.auth import Admin, App, KeyedRoute
from server.errors import RequestError, errors
from server.learning.usage import run_with_cost, training_usage
from server.learning.user_list import find_users
from server.request_body import body_of, bounded_stream, drain, parse_json, sends
from server.services import Services
from server.user_data import export
from server.user_data.adapter_import import register_adapter
from server.wire.paging import UserQuery
from server.wire.requests import PromoteRequest, VersionNumber, version_number
from server.wire.responses import Json, label, promotion_json, version_json
from server.wire.shapes import (
    Adapter,
    AdapterList,
    DeletedVersion,
    Frozen,
    ImportedVersion,
    PromotionItem,
    Run,
    Version,
)

CONFIG_HEADER = "x-loralei-adapter-config"
# The route reads it itself, so that a refusal comes after the body.
_CONFIG_PARAMETER = {
    "name": CONFIG_HEADER,
    "in": "header",
    "required": True,
    "schema": {"type": "string", "contentEncoding": "base64"},
}

router = APIRouter(prefix="/v1/admin/adapters", route_class=KeyedRoute, tags=["admin: adapters"])


@router.get("", response_model=AdapterList, responses=errors(404))
def list_adapters(services: App, query: Annotated[UserQuery, Query()]) -> Json:
    """One item per user: the version in use, what it learned from, the new feedback."""
    found = find_users(services.stores.database, query, only_learners=True)
    data = [_summary(services, each) for each in services.accounts.those(found.ids)]
    return {"object": "list", "data": data, "has_more": found.has_more, "total": found.total}


@router.get("/{user}", response_model=Adapter)
def read_adapter(user: str, services: App) -> Json:
    """One user's versions and promotions, newest first, and whether a training is due."""
    account, stores = services.accounts.find(user), services.stores
    active = stores.registry.active(account.id)
    now = time.time()
    candidate = services.candidates.of(account.id, now)
    due = is_due(candidate, services.settings.policy, now)
    return {
        "user": account.id,
        "name": account.name,
        "active": active.label if active else label(None),
        "frozen": stores.registry.is_frozen(account.id),
        "versions": [
            version_json(v, active, stores.suite_runs.newest(v.user_id, v.number))
            for v in stores.registry.versions(account.id)
        ],
        "promotions": [promotion_json(p) for p in stores.registry.promotions(account.id)],
        "new_feedback": candidate.new_feedback,
        "due": {"due": due.due, "reason": due.reason},
        "usage": training_usage(services, account.id),
    }


@router.get("/{user}/versions/{number}", response_model=Version)
def read_version(user: str, number: VersionNumber, services: App) -> Json:
    """One version: its examples, its measures, and why it was promoted or not."""
    account, stores = services.accounts.find(user), services.stores
    return version_json(
        stores.registry.version(account.id, number),
        stores.registry.active(account.id),
        stores.suite_runs.newest(account.id, number),
    )


@router.delete("/{user}/versions/{number}", response_model=DeletedVersion, responses=errors(409))
def delete_version(user: str, number: VersionNumber, services: App) -> Json:
    """Delete a version that is not in use, with its files."""
    account, stores = services.accounts.find(user), services.stores
    version = stores.registry.delete(account.id, number, time.time())
    stores.files.remove_folders({version.folder})
    return {"object": "adapter.version.deleted", "label": version.label, "deleted": True}


@router.get(
    "/{user}/versions/{number}/download",
    response_class=StreamingResponse,
    responses={**sends("application/zip", "application/octet-stream"), **errors(410)},
)
def download_version(
    user: str, number: VersionNumber, services: App, format: Literal["peft", "gguf"] = "peft"
) -> StreamingResponse:
    """The version as a standard PEFT folder, zipped, or as a GGUF file for llama.cpp."""
    account = services.accounts.find(user)
    version = services.stores.registry.servable(account.id, number)
    name = f"loralei-{account.id}-{version.label}"
    if format == "gguf":
        file = _gguf(services, version)
        return export.file_response(file, f"{name}.gguf", "application/octet-stream")
    folder = services.stores.files.open(version)
    return export.zip_response(
        export.folder_archive(f"adapter-{version.label}", folder), f"{name}.zip"
    )


@router.post(
    "/{user}/versions",
    status_code=201,
    response_model=ImportedVersion,
    response_model_exclude_unset=True,
    responses=errors(409, 410),
    openapi_extra={**body_of("application/octet-stream"), "parameters": [_CONFIG_PARAMETER]},
)
async def import_version(
    user: str, request: Request, admin: Admin, services: App, same_base: bool = False
) -> Json:
    """Import an adapter trained elsewhere, without promoting it.

    The body is `adapter_model.safetensors`; the header `x-loralei-adapter-config` is its
    `adapter_config.json` in base64. If the adapter names another base, the answer has `warnings`;
    `same_base` says that it is the same one.
    """
    limit = services.settings.max_import_bytes
    try:
        account = await run_in_threadpool(_learner, services, user)
        runtime = services.runtime
        config = read_imported_config(_config(request), rank=runtime.lora.rank)
    except Exception:
        # Before the weights are received, but a client that still sends them reads no answer.
        await drain(request, limit)
        raise
    folder = await run_in_threadpool(services.stores.files.stage)
    try:
        await _receive(request, folder, limit)
        version = await run_in_threadpool(
            register_adapter, services, account, folder, config, by=admin.name
        )
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
    imported = version_json(version, None, None)
    model = runtime.model
    warning = base_warning(config, model=model.name, revision=model.revision)
    return imported if warning is None or same_base else imported | {"warnings": [warning]}


@router.post("/{user}/train", status_code=202, response_model=Run)
def train(user: str, admin: Admin, services: App) -> Json:
    """Request a training now, due or not; an open run is returned as it is."""
    account = _learner(services, user)
    run = services.runtime.scheduler.request(account.id, admin.name)
    return run_with_cost(services, run)


@router.post("/{user}/promote", response_model=PromotionItem, responses=errors(409, 410))
def promote(user: str, body: PromoteRequest, admin: Admin, services: App) -> Json:
    """Put a version, or the base, in use; 409 if another version than expected is in use."""
    account, registry = services.accounts.find(user), services.stores.registry
    number = version_number(body.version)
    with services.stores.database.atomic():
        if number is not None and not services.runtime.fits(registry.servable(account.id, number)):
            raise RequestError(
                400, f"{body.version} was made for another base model.", param="version"
            )
        active = registry.active(account.id)
        expected = active.number if active else None
        if body.expected is not None:
            expected = version_number(body.expected)
        promotion = registry.promote(
            account.id,
            number,
            expected=expected,
            by=admin.name,
            at=time.time(),
            reason="promoted by an admin",
        )
    return promotion_json(promotion)


@router.post("/{user}/rollback", response_model=PromotionItem, responses=errors(409))
def roll_back(user: str, admin: Admin, services: App) -> Json:
    """Go back to the version before the last promotion; withdrawn and deleted ones are skipped."""
    account = services.accounts.find(user)
    promotion = services.stores.registry.roll_back(
        account.id, by=admin.name, at=time.time(), reason="rolled back by an admin"
    )
    return promotion_json(promotion)


@router.post("/{user}/freeze", response_model=Frozen)
def freeze(user: str, admin: Admin, services: App) -> Json:
    """Stop training a user's adapter until it is unfrozen; the version in use stays."""
    return _set_frozen(services, _learner(services, user), True, admin)


@router.post("/{user}/unfreeze", response_model=Frozen)
def unfreeze(user: str, admin: Admin, services: App) -> Json:
    """Allow training of a user's adapter again."""
    return _set_frozen(services, _learner(services, user), False, admin)


def _set_frozen(services: Services, account: Account, frozen: bool, admin: Account) -> Json:
    services.stores.registry.set_frozen(account.id, frozen, by=admin.name, at=time.time())
    return {"user": account.id, "name": account.name, "frozen": frozen}


def _learner(services: Services, user: str) -> Account:
    account = services.accounts.find(user)
    if account.is_frontend:
        raise RequestError(400, "A frontend has no adapter; its users have.", param="user")
    return account


def _summary(services: Services, account: Account) -> Json:
    stores = services.stores
    active, versions = stores.registry.active(account.id), stores.registry.versions(account.id)
    run = stores.runs.open_run(account.id) or stores.runs.last_run(account.id)
    return {
        "user": account.id,
        "name": account.name,
        "active": active.label if active else label(None),
        "versions": len(versions),
        # The files of withdrawn versions are deleted.
        "size_bytes": sum(each.size_bytes for each in versions if each.withdrawn_at is None),
        "frozen": stores.registry.is_frozen(account.id),
        "learned": len(active.example_ids) if active else 0,
        "new_feedback": services.candidates.of(account.id, time.time()).new_feedback,
        "usage": training_usage(services, account.id),
        "last_run": run_with_cost(services, run) if run else None,
    }


def _gguf(services: Services, version: AdapterVersion) -> IO[bytes]:
    # Imported here: it takes a second, and few need it.
    from adapters_store.exchange.gguf_export import read_gguf_target, write_gguf_adapter

    runtime = services.runtime
    if not runtime.fits(version):
        raise RequestError(400, f"{version.label} was made for another base model.", param="format")
    folder = services.stores.files.open(version)
    target = read_gguf_target(runtime.model.path)
    return export.gguf_file(
        lambda path: write_gguf_adapter(folder, path, lora=version.lora, target=target)
    )


def _config(request: Request) -> dict[str, Any]:
    try:
        raw = base64.b64decode(request.headers.get(CONFIG_HEADER, ""), validate=True)
    except ValueError as error:  # of binascii, or not even ASCII
        raise RequestError(400, f"{CONFIG_HEADER} is not base64.", param=CONFIG_HEADER) from error
    config = parse_json(raw)
    if not isinstance(config, dict):
        raise RequestError(400, f"{CONFIG_HEADER} is not a JSON object.", param=CONFIG_HEADER)
    return config


async def _receive(request: Request, folder: Path, limit: int) -> None:
    with (folder / WEIGHTS_FILE).open("xb") as file:
        async for chunk in bounded_stream(request, limit):
            await run_in_threadpool(file.write, chunk)
