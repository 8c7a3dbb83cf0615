"""Responses, OpenAI's newer API: a response is a completion by another name."""

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.auth import App, Caller, KeyedRoute, User
from server.chat.answer import answer
from server.chat.earlier_turns import with_earlier_turns
from server.chat.response_form import ResponseForm
from server.chat.turn import Turn, plan_turn
from server.errors import RequestError, errors, naming_params
from server.request_body import sends
from server.wire.paging import IdFilter, Order, PageLimit
from server.wire.reply_ids import completion_id
from server.wire.responses import Json, page_of
from server.wire.responses_api.conversion import PARAMS
from server.wire.responses_api.input_items import input_items
from server.wire.responses_api.objects import stored_json
from server.wire.responses_api.requests import ResponsesRequest
from server.wire.shapes import Deleted, InputItem, Page, ResponseObject

router = APIRouter(prefix="/v1/responses", route_class=KeyedRoute, tags=["responses"])


@router.post(
    "",
    response_model=ResponseObject,
    responses={**sends("text/event-stream"), **errors(404, 410)},
)
async def create_response(
    request: Request, body: ResponsesRequest, caller: Caller, services: App
) -> Response:
    """Answer the input with the user's own adapter, and store the exchange."""
    raw = await request.body()

    def plan() -> Turn:
        chat = with_earlier_turns(request, body, caller, services)
        turn = plan_turn(request, chat, raw, caller, services)
        return replace(turn, has_instructions=body.instructions is not None)

    with naming_params(PARAMS):
        return await answer(
            request, body, caller, services, plan=plan, form_of=partial(ResponseForm, body=body)
        )


@router.get("/{response_id}", response_model=ResponseObject, response_model_exclude_unset=True)
def read_response(response_id: str, user: User, services: App) -> Json:
    """A stored completion as a response, without the settings of its request."""
    return stored_json(services.stores.log.interaction(user.id, completion_id(response_id)))


@router.delete("/{response_id}", response_model=Deleted)
def delete_response(response_id: str, user: User, services: App) -> Json:
    """Delete a response and its feedback; the next training does not use them."""
    services.stores.log.delete_interaction(user.id, completion_id(response_id))
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    return {"object": "response", "id": response_id, "deleted": True}


@router.get(
    "/{response_id}/input_items",
    response_model=Page[InputItem],
    response_model_exclude_unset=True,
)
def list_input_items(
    response_id: str,
    user: User,
    services: App,
    after: IdFilter = None,
    limit: PageLimit = 20,
    order: Order = "desc",
) -> Json:
    """What a response answered, as items; the newest first, unless `order` says otherwise."""
    turn = services.stores.log.interaction(user.id, completion_id(response_id))
    return page_of(input_items(turn), after=after, limit=limit, order=order)


@router.post(
    "/{response_id}/cancel", response_model=ResponseObject, response_model_exclude_unset=True
)
async def cancel_response(response_id: str, user: User, services: App) -> Json:
    """Stop a resumable response that is being written. It is stored as far as it came."""
    wanted = completion_id(response_id)
    running = services.running.find(user.id, wanted)
    if running is None:
        await run_in_threadpool(services.stores.log.interaction, user.id, wanted)
        raise RequestError(400, "This response has ended: only one that is being written stops.")
    await running.cancel()
    return stored_json(running.interaction())
