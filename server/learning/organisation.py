"""What users and admins see of the organisation's adapter."""

from feedback.records import ORGANISATION, Document
from server.services import Services
from server.wire.responses import Json


def organisation_json(services: Services, user_id: str) -> Json:
    """What a user wants of it; `version` is null if none takes part in their replies."""
    choice = services.stores.log.choice(user_id)
    is_on = services.settings.organisation
    return {
        "is_on": is_on,
        "shares": choice.shares,
        "uses": choice.uses,
        "version": _version(services) if is_on and choice.uses else None,
    }


def overview_json(services: Services) -> Json:
    """The organisation as a whole, for admins."""
    stores = services.stores
    return {
        "object": "organisation",
        "is_on": services.settings.organisation,
        "user": ORGANISATION,
        "version": _version(services),
        "members": len(stores.log.contributors(ORGANISATION)) - 1,
        "documents": [document_json(each) for each in stores.documents.all()],
    }


def document_json(document: Document) -> Json:
    """A document without its text."""
    return {
        "object": "organisation.document",
        "id": document.id,
        "name": document.name,
        "characters": len(document.text),
        "added_at": document.added_at,
        "added_by": document.added_by,
        "is_read": document.is_read,
        "questions": document.num_questions,
        "rejected": document.num_rejected,
    }


def _version(services: Services) -> str | None:
    active = services.stores.registry.active(ORGANISATION)
    return None if active is None else active.label
