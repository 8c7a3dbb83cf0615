"""`/v1/feedback`: ratings, corrections, preferences and comments on replies."""

import time
import uuid

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from feedback.records import Feedback, FeedbackStatus
from server.accounts.accounts import Account, UnknownAccountError
from server.auth import App, Caller, KeyedRoute, User, named_by_frontend
from server.errors import RequestError, errors
from server.services import Services
from server.wire.paging import IdFilter, PageLimit
from server.wire.reply_ids import completion_id
from server.wire.requests import FeedbackRequest
from server.wire.responses import Json, feedback_json, page
from server.wire.shapes import Deleted, FeedbackItem, Page

router = APIRouter(
    prefix="/v1/feedback", route_class=KeyedRoute, tags=["feedback"], responses=errors(404, 410)
)


@router.post(
    "",
    status_code=201,
    response_model=FeedbackItem,
    responses=dict.fromkeys((200, 202), {"model": FeedbackItem}),
)
def give_feedback(
    request: Request, body: FeedbackRequest, caller: Caller, services: App
) -> JSONResponse:
    """Give feedback on a completion; the same `id` again replaces it.

    201: new. 200: replaced, or said before. 202: it waits for its completion.
    """
    user = _author(request, body, caller, services)
    now = time.time()
    feedback = Feedback(
        id=body.id or f"feedback-{uuid.uuid4().hex}",
        user_id=user.id,
        completion_id=body.target,
        created_at=now,
        updated_at=now,
        value=body.value,
        correction=body.correction,
        preferred_over=body.preferred_over,
        comment=body.comment,
        reason=body.reason,
        metadata=body.metadata or {},
    )
    with services.stores.database.atomic():
        services.accounts.find(user.id)  # not erased meanwhile
        said = None if body.id else services.stores.log.said_before(feedback)
        stored, is_new = (said, False) if said else services.stores.log.add_feedback(feedback)
    if stored.status is FeedbackStatus.PENDING:
        status, result = 202, "pending"
    else:
        status, result = (201, "created") if is_new else (200, "changed")
    services.metrics.feedback.labels(result).inc()
    if feedback.comment and services.is_ready:
        # Takes a moment, and the next reply should show the comment.
        services.runtime.instruction_probe.begin()
    return JSONResponse(feedback_json(stored), status)


@router.get("", response_model=Page[FeedbackItem])
def list_feedback(
    user: User,
    services: App,
    target: IdFilter = None,
    after: IdFilter = None,
    limit: PageLimit = 100,
) -> Json:
    """The user's feedback, oldest first."""
    found, has_more = services.stores.log.list_feedback(
        user.id, target=target and completion_id(target), after=after, limit=limit
    )
    return page([feedback_json(feedback) for feedback in found], has_more)


@router.get("/{feedback_id}", response_model=FeedbackItem)
def read_feedback(feedback_id: str, user: User, services: App) -> Json:
    """One feedback event."""
    return feedback_json(services.stores.log.feedback(user.id, feedback_id))


@router.delete("/{feedback_id}", response_model=Deleted)
def delete_feedback(feedback_id: str, user: User, services: App) -> Json:
    """Delete feedback; the next training does not use it."""
    services.stores.log.delete_feedback(user.id, feedback_id, time.time())
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    services.metrics.feedback.labels("deleted").inc()
    return {"object": "feedback.deleted", "id": feedback_id, "deleted": True}


def _author(
    request: Request, body: FeedbackRequest, caller: Account, services: Services
) -> Account:
    """Who gives the feedback. A frontend's user is made if the first reply is not stored yet."""
    if not caller.is_frontend:
        return caller
    external_id = named_by_frontend(request, services, body.identity)
    if external_id is None:
        raise RequestError(400, "Name the user who gives this feedback.", param="user")
    try:
        return services.accounts.known_user(caller, external_id)
    except UnknownAccountError:
        return services.accounts.acting_user(caller, external_id, time.time())
