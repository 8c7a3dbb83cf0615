"""`/v1/me/proposals`: examples that the model proposes, and the user's decisions on them."""

import time
from functools import partial

from fastapi import APIRouter

from feedback.proposals.records import ProposalStatus
from server.auth import App, User
from server.learning.proposal_writer import make_plan, write_proposals
from server.request_body import StrictRoute
from server.wire.paging import IdFilter, PageLimit
from server.wire.requests import ProposalChange, ProposalsRequest
from server.wire.responses import Json, page, proposal_json, proposal_progress_json

router = APIRouter(prefix="/v1/me/proposals", route_class=StrictRoute, tags=["me"])


@router.post("", status_code=202)
def propose(body: ProposalsRequest, user: User, services: App) -> Json:
    """Have my model write proposals in the background; an open request is returned as it is.

    No proposal is trained on before I approve it.
    """
    _ = services.runtime  # raises NotReadyError until the model is loaded
    plan = make_plan(services, user.id, body.count, body.kind)
    work = partial(write_proposals, services, plan)
    with services.stores.database.atomic():
        services.accounts.find(user.id)  # not erased meanwhile
        return proposal_progress_json(services.proposal_jobs.start(user.id, plan.wanted, work))


@router.get("")
def list_proposals(
    user: User,
    services: App,
    status: ProposalStatus | None = None,
    after: IdFilter = None,
    limit: PageLimit = 100,
) -> Json:
    """My proposals, oldest first, their counts, and the progress of my last request."""
    store = services.stores.proposals
    progress = services.proposal_jobs.of(user.id)  # before the page, so it never runs ahead
    found, has_more = store.page(user.id, status=status, after=after, limit=limit)
    return page([proposal_json(each) for each in found], has_more) | {
        "counts": store.counts(user.id),
        "progress": proposal_progress_json(progress),
    }


@router.post("/cancel")
def cancel(user: User, services: App) -> Json:
    """Stop writing proposals; finished ones stay."""
    return proposal_progress_json(services.proposal_jobs.cancel(user.id))


@router.patch("/{proposal_id}")
def decide(proposal_id: str, body: ProposalChange, user: User, services: App) -> Json:
    """Approve or drop a proposal, or undo that; a new instruction or reply edits it first."""
    changed = services.stores.proposals.change(
        user.id,
        proposal_id,
        now=time.time(),
        status=body.status,
        instruction=body.instruction,
        reply=body.reply,
    )
    return proposal_json(changed)


@router.delete("/{proposal_id}")
def delete_proposal(proposal_id: str, user: User, services: App) -> Json:
    """Delete a proposal; the next training does not use it."""
    services.stores.proposals.delete(user.id, proposal_id, time.time())
    services.stores.database.checkpoint()  # deleted text leaves the write-ahead log, too
    return {"object": "proposal.deleted", "id": proposal_id, "deleted": True}
