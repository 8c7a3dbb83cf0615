"""Takes feedback from a request: finds who gives it, stores it, counts it."""

import time

from fastapi import Request

from feedback.records import Feedback, FeedbackStatus
from server.accounts.accounts import Account, UnknownAccountError
from server.accounts.identity import BodyIdentity
from server.auth import enter, named_by_frontend
from server.errors import RequestError
from server.services import Services


def author(
    request: Request, body: BodyIdentity, caller: Account, services: Services, param: str
) -> Account:
    """Who gives the feedback. A frontend's user is made if the first reply is not stored yet.

    Raises `RequestError` (400) that names `param` if a frontend names nobody, and
    `ErasedIdentityError`.
    """
    if not caller.is_frontend:
        return caller
    named = named_by_frontend(request, services, caller, body)
    if named is None:
        raise RequestError(400, "Name the user who gives this feedback.", param=param)
    try:
        user = services.accounts.known_user(caller, named.id)
    except UnknownAccountError:
        user = services.accounts.acting_user(caller, named.id, time.time(), named.display_name)
    return enter(request, services, user)


def store_feedback(
    services: Services, feedback: Feedback, *, replaces: bool
) -> tuple[Feedback, bool]:
    """Store feedback; returns it as stored, and whether it is new.

    If it `replaces`, it takes the place of earlier feedback with its id. Else the same again is the
    first. Raises as `FeedbackLog.add_feedback` does, and `UnknownAccountError` if the user was
    erased meanwhile.
    """
    with services.stores.database.atomic():
        services.accounts.find(feedback.user_id)
        said = None if replaces else services.stores.log.said_before(feedback)
        stored, is_new = (said, False) if said else services.stores.log.add_feedback(feedback)
    if stored.status is FeedbackStatus.PENDING:
        result = "pending"
    else:
        result = "created" if is_new else "changed"
    services.metrics.feedback.labels(result).inc()
    if (feedback.comment or feedback.correction) and services.is_ready:
        # Takes a moment, and the next reply should show the comment, or what a correction changed.
        services.runtime.instruction_probe.begin()
    return stored, is_new


def remove_feedback(services: Services, user_id: str, feedback_id: str, now: float) -> None:
    """Delete feedback; the next training does not use it. Raises `NotFoundError`."""
    services.stores.log.delete_feedback(user_id, feedback_id, now)
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    services.metrics.feedback.labels("deleted").inc()
