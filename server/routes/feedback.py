"""`/v1/feedback`: ratings, corrections, preferences and comments on replies."""

import time
import uuid

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from feedback.records import Feedback, FeedbackStatus
from server.auth import App, Caller, KeyedRoute, User
from server.errors import errors
from server.learning.given_feedback import author, remove_feedback, store_feedback
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
    user = author(request, body.identity, caller, services, "user")
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
    stored, is_new = store_feedback(services, feedback, replaces=body.id is not None)
    is_pending = stored.status is FeedbackStatus.PENDING
    return JSONResponse(feedback_json(stored), 202 if is_pending else 201 if is_new else 200)


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
    remove_feedback(services, user.id, feedback_id, time.time())
    return {"object": "feedback.deleted", "id": feedback_id, "deleted": True}
