"""`/v1/me`: the user's own model and data, to read, to export, to erase."""

import time
from dataclasses import asdict, replace

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from adapters_store.records import AdapterVersion
from feedback.examples.build import feedback_behind
from feedback.memory.demonstrations import without_learned
from feedback.records import Memory
from scheduler.version_report import VersionReport, report_of
from server.accounts.accounts import Account
from server.auth import App, User
from server.chat.memory import learned_by, user_memory
from server.chat.withdrawal import why_base_answers
from server.errors import RequestError, errors
from server.learning.curation_view import curation_json
from server.learning.organisation import organisation_json
from server.learning.outlook import next_training_json, versions_json
from server.learning.reply_samples import samples_json
from server.request_body import sends
from server.services import Services
from server.stores import Stores
from server.user_data import erasure, export
from server.wire.requests import OrganisationRequest
from server.wire.responses import Json, run_json
from server.wire.shapes import Curation, ErasedUser, Me, OrganisationChoiceItem

router = APIRouter(prefix="/v1/me", tags=["me"], responses=errors(404, 410))


@router.get("", response_model=Me)
async def read_me(user: User, services: App) -> Json:
    """My version in use, what it learned from, and the progress of its training."""
    return await services.heavy_reads.run(user.id, lambda: _me(services, user))


@router.get("/export", response_class=StreamingResponse, responses=sends("application/zip"))
async def export_me(user: User, services: App) -> StreamingResponse:
    """Everything that is stored of me: a ZIP with JSON lines and my adapter."""
    archive = await services.heavy_reads.run(user.id, lambda: export.export_archive(services, user))
    return export.zip_response(archive, f"loralei-{user.id}.zip")


@router.get("/curation", response_model=Curation)
async def curate_me(user: User, services: App) -> Json:
    """Which of my examples the next training accepts, and why it rejects the others."""
    return await services.heavy_reads.run(user.id, lambda: curation_json(services, user.id))


@router.put("/organisation", response_model=OrganisationChoiceItem)
def choose(user: User, body: OrganisationRequest, services: App) -> Json:
    """Say whether the organisation's adapter learns from my examples, and answers me.

    What is absent stays. Once I share no longer, what learned from me stops answering at once.
    """
    if body.shares and not services.settings.organisation:
        raise RequestError(404, "This server has no organisation's adapter.", param="shares")
    with services.stores.database.atomic():
        log = services.stores.log
        changed = body.model_dump(exclude_none=True)
        log.choose(replace(log.choice(user.id), **changed, at=time.time()))
    return organisation_json(services, user.id)


@router.delete("", response_model=ErasedUser)
def erase_me(user: User, services: App) -> Json:
    """Erase me: my chats and feedback, every adapter, my account and key.

    An admin's account and key stay.
    """
    erase = erasure.erase_data if user.is_admin else erasure.erase_account
    return {"object": "user.erased", "id": user.id, "erased": erase(services, user)}


def _me(services: Services, user: Account) -> Json:
    stores = services.stores
    active = stores.registry.active(user.id)
    run = stores.runs.open_run(user.id) or stores.runs.last_run(user.id)
    memory = user_memory(services, user.id)
    base_revision = services.runtime.model.revision if services.is_ready else None
    return {
        "user": {"id": user.id, "name": user.name},
        "adapter": active.label if active else "base",
        "learned": _learned(stores, user.id, active),
        "memory": _memory(memory, active),
        "counts": asdict(stores.log.counts(user.id)),
        "training": run_json(run) if run else None,
        "next_training": next_training_json(services, user.id, run, time.time()),
        "versions": versions_json(stores.registry, user.id, base_revision),
        "changed_at": _changed_at(stores.registry.promoted_at(user.id), memory),
        "frozen": stores.registry.is_frozen(user.id),
        "withdrawn": why_base_answers(stores, user.id),
        "organisation": organisation_json(services, user.id),
        "is_admin": user.is_admin,
    }


def _memory(memory: Memory, active: AdapterVersion | None) -> Json:
    """What memory may show: without what the version in use has learned."""
    shown = without_learned(memory, learned_by(active))
    return {"demonstrations": len(shown.demonstrations), "notes": len(shown.notes)}


def _changed_at(promoted_at: float | None, memory: Memory) -> float | None:
    """Since when replies are written as they are now: the last promotion or demonstration."""
    times = [each.feedback_at for each in memory.demonstrations]
    return max([*times, *([] if promoted_at is None else [promoted_at])], default=None)


def _learned(stores: Stores, user_id: str, active: AdapterVersion | None) -> Json:
    """What the version in use learned from, who taught it, and replies before and after."""
    learned = frozenset(active.example_ids) if active else frozenset()
    turns, given = stores.log.recent_turns_with_feedback(user_id) if learned else ((), ())
    feedback = feedback_behind(learned, turns, given)
    report = report_of(active) if active else VersionReport()
    return {
        "examples": len(learned),
        "feedback": len(feedback),
        "corrections": sum(each.correction is not None for each in feedback),
        "rules": [rule.sentence for rule in report.rules],
        "teacher": report.teacher and asdict(report.teacher),
        "samples": samples_json(report, learned, turns, given),
    }
