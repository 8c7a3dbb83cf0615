"""Stored completions: OpenAI's routes to list, read, label and delete them.

Only completions with `store: true` are listed; by id, users reach all of their own. The id may be
the one that a frontend has given the reply.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from feedback.records import Interaction
from server.auth import App, KeyedRoute, User
from server.errors import RequestError, errors
from server.wire.paging import IdFilter, Order, PageLimit
from server.wire.requests import MetadataUpdate
from server.wire.responses import Json, completion_json, page, page_of, stored_message_json
from server.wire.shapes import Deleted, Page, StoredCompletion, StoredMessage

_MAX_METADATA_FILTERS = 16

router = APIRouter(
    prefix="/v1/chat/completions",
    route_class=KeyedRoute,
    tags=["stored completions"],
    responses=errors(404, 410),
)


@router.get("", response_model=Page[StoredCompletion], response_model_exclude_unset=True)
def list_completions(
    request: Request,
    user: User,
    services: App,
    after: IdFilter = None,
    limit: PageLimit = 20,
    order: Order = "asc",
    model: Annotated[str | None, Query(max_length=512)] = None,
) -> Json:
    """The user's completions with `store: true`, page by page."""
    found, has_more = services.stores.log.listed(
        user.id,
        after=after,
        limit=limit,
        order=order,
        model=model,
        metadata=_metadata_filter(request),
    )
    return page([completion_json(interaction) for interaction in found], has_more)


@router.get("/{completion_id}", response_model=StoredCompletion, response_model_exclude_unset=True)
def read_completion(completion_id: str, user: User, services: App) -> Json:
    """One completion."""
    return completion_json(_own(services, user, completion_id))


@router.get(
    "/{completion_id}/messages",
    response_model=Page[StoredMessage],
    response_model_exclude_unset=True,
)
def list_messages(
    completion_id: str,
    user: User,
    services: App,
    after: IdFilter = None,
    limit: PageLimit = 20,
    order: Order = "asc",
) -> Json:
    """The messages that a completion answered."""
    interaction = _own(services, user, completion_id)
    messages = [
        stored_message_json(interaction.id, i, message)
        for i, message in enumerate(interaction.messages)
    ]
    return page_of(messages, after=after, limit=limit, order=order)


@router.post("/{completion_id}", response_model=StoredCompletion, response_model_exclude_unset=True)
def update_completion(completion_id: str, body: MetadataUpdate, user: User, services: App) -> Json:
    """Replace a completion's metadata; nothing else can change."""
    completion = _own(services, user, completion_id)
    changed = services.stores.log.set_metadata(user.id, completion.id, body.metadata)
    return completion_json(changed)


@router.delete("/{completion_id}", response_model=Deleted)
def delete_completion(completion_id: str, user: User, services: App) -> Json:
    """Delete a completion and its feedback; the next training does not use them.

    A message id means every completion that has it.
    """
    log = services.stores.log
    if log.completion_id(user.id, completion_id) == completion_id:
        log.delete_interaction(user.id, completion_id)
    else:
        log.delete_message(user.id, completion_id)
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    return {"object": "chat.completion.deleted", "id": completion_id, "deleted": True}


def _own(services: App, user: User, completion_id: str) -> Interaction:
    log = services.stores.log
    return log.interaction(user.id, log.completion_id(user.id, completion_id))


def _metadata_filter(request: Request) -> dict[str, str]:
    """Read `metadata[key]=value`, as OpenAI's SDK writes a mapping into a query."""
    pairs = {
        name[len("metadata[") : -1]: value
        for name, value in request.query_params.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    if len(pairs) > _MAX_METADATA_FILTERS:
        raise RequestError(400, "metadata must have at most 16 pairs.", param="metadata")
    return pairs
