"""Maps exceptions to OpenAI's error envelope, in one table. No traceback is revealed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from adapters_store.errors import (
    AdapterConflictError,
    AdapterInvalidError,
    AdapterNotFoundError,
    AdapterWithdrawnError,
    PromptError,
)
from adapters_store.remote.object_storage import RemoteStorageError
from feedback.errors import InvalidFeedbackError, NotFoundError, QuotaExceededError
from scheduler.errors import RunNotFoundError
from server.accounts.accounts import (
    ErasedIdentityError,
    InvalidNameError,
    LastAdminError,
    NameTakenError,
    NoFrontendError,
    OrganisationAccountError,
    UnknownAccountError,
)
from server.accounts.identity import AmbiguousIdentityError, UnverifiedIdentityError
from server.accounts.moves import ArchiveError, MoveConflictError, UserMovingError
from server.backup.manifest import BackupError
from server.engine.errors import (
    ContextOverflowError,
    EngineOverloadedError,
    GenerationError,
    UserQueueFullError,
)
from server.storage.errors import StorageError, StorageFullError, storage_error


class ErrorBody(BaseModel):
    """What went wrong; `param` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(BaseModel):
    """OpenAI's shape of every error."""

    error: ErrorBody


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these errors of a route, beyond those of its kind."""
    return {status: {"model": ErrorEnvelope} for status in statuses}


class AuthenticationError(PermissionError):
    """No key was sent, or it is unknown."""


class ForbiddenError(PermissionError):
    """The key is known but may not do this."""


class NotReadyError(RuntimeError):
    """The model is not loaded (yet), or the server is stopping."""


class RulesNotReadyError(RuntimeError):
    """The user's rules are still being learned for an earlier request."""


class ModelNotFoundError(LookupError):
    """The request names a model that is not served here."""


class RequestError(HTTPException):
    """A bad request: status, message, and the field at fault."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.param = param


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """How one exception is answered. `param` is used if the exception names none."""

    status: int
    code: str
    type: str = "invalid_request_error"
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_NO_RETRY = {"x-should-retry": "false"}
_SOON = {"retry-after": "1"}
_STARTING = {"retry-after": "5"}

ERRORS: dict[type[Exception], ErrorSpec] = {
    AuthenticationError: ErrorSpec(401, "invalid_api_key", headers={"www-authenticate": "Bearer"}),
    UnverifiedIdentityError: ErrorSpec(401, "invalid_identity"),
    ForbiddenError: ErrorSpec(403, "insufficient_permissions"),
    AmbiguousIdentityError: ErrorSpec(400, "ambiguous_user", param="user"),
    InvalidNameError: ErrorSpec(400, "invalid_name", param="name"),
    NoFrontendError: ErrorSpec(400, "not_a_frontend", param="kind"),
    OrganisationAccountError: ErrorSpec(400, "organisation_account", param="user"),
    InvalidFeedbackError: ErrorSpec(400, "invalid_feedback"),
    PromptError: ErrorSpec(400, "invalid_messages", param="messages"),
    ContextOverflowError: ErrorSpec(400, "context_length_exceeded", param="messages"),
    AdapterInvalidError: ErrorSpec(400, "invalid_adapter"),
    ModelNotFoundError: ErrorSpec(404, "model_not_found", param="model"),
    NotFoundError: ErrorSpec(404, "not_found"),
    UnknownAccountError: ErrorSpec(404, "user_not_found"),
    AdapterNotFoundError: ErrorSpec(404, "adapter_not_found"),
    RunNotFoundError: ErrorSpec(404, "run_not_found"),
    ErasedIdentityError: ErrorSpec(410, "user_erased"),
    AdapterWithdrawnError: ErrorSpec(410, "adapter_withdrawn"),
    NameTakenError: ErrorSpec(409, "name_taken", param="name", headers=_NO_RETRY),
    BackupError: ErrorSpec(409, "backup_failed", headers=_NO_RETRY),
    LastAdminError: ErrorSpec(409, "last_admin", headers=_NO_RETRY),
    AdapterConflictError: ErrorSpec(409, "adapter_conflict", headers=_NO_RETRY),
    UserQueueFullError: ErrorSpec(429, "rate_limit_exceeded", type="requests", headers=_SOON),
    QuotaExceededError: ErrorSpec(
        429, "insufficient_quota", type="insufficient_quota", headers=_NO_RETRY
    ),
    EngineOverloadedError: ErrorSpec(
        503, "server_is_overloaded", type="server_error", headers=_SOON
    ),
    UserMovingError: ErrorSpec(503, "user_is_moving", type="server_error", headers=_SOON),
    NotReadyError: ErrorSpec(503, "server_is_not_ready", type="server_error", headers=_STARTING),
    RulesNotReadyError: ErrorSpec(503, "rules_are_not_ready", type="server_error", headers=_SOON),
    # Nothing changes between two tries, and then no client need try again by itself.
    StorageFullError: ErrorSpec(507, "storage_full", type="server_error", headers=_NO_RETRY),
    RemoteStorageError: ErrorSpec(
        503, "storage_unavailable", type="server_error", headers=_STARTING
    ),
    ArchiveError: ErrorSpec(400, "invalid_archive"),
    MoveConflictError: ErrorSpec(409, "move_conflict", headers=_NO_RETRY),
    StorageError: ErrorSpec(503, "storage_unavailable", type="server_error", headers=_STARTING),
    GenerationError: ErrorSpec(500, "generation_failed", type="server_error"),
}
INTERNAL_ERROR = ErrorSpec(500, "internal_error", type="server_error")


@contextmanager
def naming_params(names: Mapping[str, str]) -> Iterator[None]:
    """Let errors name the fields that the client sent, where other fields were made of them."""
    try:
        yield
    except Exception as error:
        if renamed := names.get(_param(error) or ""):
            error.param = renamed  # type: ignore[attr-defined]
        raise


def error_body(error: Exception) -> tuple[dict[str, Any], ErrorSpec]:
    """The envelope of an exception, and its spec; unknown exceptions reveal nothing."""
    error = storage_error(error) or error
    spec = _spec(error)
    message = str(error.args[0]) if error.args and spec is not INTERNAL_ERROR else ""
    return envelope(message or "The server failed. Try again.", spec, _param(error)), spec


def _spec(error: Exception) -> ErrorSpec:
    return next((ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS), INTERNAL_ERROR)


def _param(error: Exception) -> str | None:
    return getattr(error, "param", None) or _spec(error).param


def envelope(message: str, spec: ErrorSpec, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": spec.type, "param": param, "code": spec.code}}


def install_error_handlers(app: FastAPI) -> None:
    """Answer the table's errors, the framework's and validation's with the envelope."""
    for kind in ERRORS:
        app.add_exception_handler(kind, _answer_known)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)


def error_response(error: Exception) -> JSONResponse:
    """The response to an exception."""
    body, spec = error_body(error)
    return JSONResponse(body, spec.status, headers=dict(spec.headers))


async def _answer_known(_request: Request, error: Exception) -> JSONResponse:
    return error_response(error)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    message = str(error.detail)
    if status is HTTPStatus.NOT_FOUND and not isinstance(error, RequestError):
        message = f"Unknown route: {request.method} {request.url.path}{_hint(request)}"
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": ", ".join(_allowed_methods(request, request.scope["path"]))}
        message = f"{request.method[:16]} is not allowed here: use {headers['allow']}."
    kind = "server_error" if status >= 500 else "invalid_request_error"
    spec = ErrorSpec(status, status.phrase.lower().replace(" ", "_"), type=kind)
    body = envelope(message, spec, getattr(error, "param", None))
    return JSONResponse(body, status, headers=headers)


def _hint(request: Request) -> str:
    """The path that a client meant whose base URL has no /v1, or has it twice."""
    path = request.url.path
    for meant in (f"/v1{path}", path.removeprefix("/v1")):
        if meant.startswith("/v1/") and meant != path and _allowed_methods(request, meant):
            return f". Did you mean {meant}? The base URL ends in one /v1."
    return ""


def _allowed_methods(request: Request, path: str) -> list[str]:
    """All methods of a path. Each is a route of its own, and the framework names only one."""
    scope = {"type": "http", "path": path, "root_path": "", "headers": []}
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    ]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found


async def _answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    spec = ErrorSpec(400, "invalid_value")
    message = str(first["msg"]).removeprefix("Value error, ")
    return JSONResponse(envelope(message, spec, param_name(first["loc"])), 400)


def param_name(location: tuple[str | int, ...]) -> str | None:
    """A field's name in OpenAI's notation, such as `messages[0].content`.

    A part such as `<message>` says which form of several a value has; it is no field.
    """
    name = ""
    for part in location[1:]:
        if isinstance(part, str) and part.startswith("<"):
            continue
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part}" if name else part
    return name or None
