"""`/api/public`: ratings from frontends that send them to Langfuse, such as LibreChat."""

import time
import uuid
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from feedback.errors import NotFoundError
from server.accounts.accounts import Account
from server.accounts.identity import BodyIdentity
from server.auth import App, Caller, PasswordRoute, UserName, enter, named_by_frontend
from server.errors import errors
from server.learning.given_feedback import author, remove_feedback, store_feedback
from server.request_body import body_of, drain, sends
from server.services import Services
from server.wire.responses import Json, feedback_json
from server.wire.scores import ScoreRequest, feedback_of
from server.wire.shapes import Deleted, FeedbackItem, ListOf, Project

MAX_TRACE_BYTES = 16 << 20
_PROTOBUF = "application/x-protobuf"

router = APIRouter(prefix="/api/public", route_class=PasswordRoute, tags=["scores"])


@router.post("/scores", response_model=FeedbackItem, responses=errors(404, 410))
def give_score(request: Request, body: ScoreRequest, caller: Caller, services: App) -> Json:
    """Rate a reply as with `POST /v1/feedback`; the same `id` again replaces the score."""
    identity = BodyIdentity(user=body.metadata.user_id if body.metadata else None)
    user = author(request, identity, caller, services, "metadata.userId")
    feedback_id = body.id or f"feedback-{uuid.uuid4().hex}"
    feedback = feedback_of(body, feedback_id=feedback_id, user_id=user.id, now=time.time())
    stored, _ = store_feedback(services, feedback, replaces=body.id is not None)
    return feedback_json(stored)


@router.delete("/scores/{score_id}", response_model=Deleted, responses=errors(410))
def delete_score(
    score_id: str,
    request: Request,
    caller: Caller,
    services: App,
    user: UserName = None,
) -> Json:
    """Take a score back. A frontend need not name the user: its own users are searched."""
    owners = _owners(request, user, caller, services)
    found = services.stores.log.users_with_feedback(score_id, [each.id for each in owners])
    if not found:
        raise NotFoundError(f"There is no feedback {score_id!r}.")
    for owner in owners:
        if owner.id in found and caller.is_frontend:
            enter(request, services, owner)
    for user_id in found:
        remove_feedback(services, user_id, score_id, time.time())
    return {"object": "feedback.deleted", "id": score_id, "deleted": True}


@router.get("/projects", response_model=ListOf[Project])
def list_projects(caller: Caller) -> Json:
    """The one project of this key: the account itself."""
    return {"object": "list", "data": [{"id": caller.id, "name": caller.name}]}


@router.post(
    "/otel/v1/traces",
    response_class=Response,
    responses=sends(_PROTOBUF),
    openapi_extra=body_of(_PROTOBUF, required=False),
)
async def drop_traces(request: Request) -> Response:
    """Accept traces and drop them: the settings that send scores here send these, too."""
    await drain(request, MAX_TRACE_BYTES)
    return Response(media_type=_PROTOBUF)


def _owners(
    request: Request, user: str | None, caller: Account, services: Services
) -> Sequence[Account]:
    """Whose score it may be: the key's owner, or the user that a frontend names, or any of its
    users."""
    if not caller.is_frontend:
        return [caller]
    named = named_by_frontend(request, services, caller, BodyIdentity(user=user))
    if named is not None:
        return [services.accounts.known_user(caller, named.id)]
    return services.accounts.users_of(caller.id)
