"""`/v1/admin/organisation`: the documents that the organisation's adapter learns.

Its versions and trainings are at `/v1/admin/adapters/user-organisation`, as those of any user.
"""

from dataclasses import asdict

from fastapi import APIRouter

from server.auth import Admin, App, KeyedRoute
from server.errors import errors
from server.learning.organisation import document_json, overview_json
from server.wire.requests import NewDocument
from server.wire.responses import Json
from server.wire.shapes import DeletedDocument, DocumentItem, Organisation, WholeDocument

router = APIRouter(
    prefix="/v1/admin/organisation", route_class=KeyedRoute, tags=["admin: organisation"]
)


@router.get("", response_model=Organisation)
def read_organisation(services: App) -> Json:
    """The version in use, how many users share, and the documents, oldest first."""
    return overview_json(services)


@router.post("/documents", status_code=201, response_model=DocumentItem, responses=errors(429))
def add_document(body: NewDocument, admin: Admin, services: App) -> Json:
    """Add a text; the next nightly training learns questions and answers about it."""
    document = services.stores.documents.add(body.name, body.text, by=admin.name)
    return document_json(document)


@router.get("/documents/{document_id}", response_model=WholeDocument, responses=errors(404))
def read_document(document_id: str, services: App) -> Json:
    """A document with its text, and the questions that are taught."""
    documents = services.stores.documents
    document = documents.document(document_id)
    pairs = [asdict(each) for each in documents.questions(document_id)]
    return {**document_json(document), "text": document.text, "pairs": pairs}


@router.delete("/documents/{document_id}", response_model=DeletedDocument, responses=errors(404))
def delete_document(document_id: str, admin: Admin, services: App) -> Json:
    """Delete a document; versions that learned from it stop answering at once."""
    services.stores.documents.delete(document_id, by=admin.name)
    return {"object": "organisation.document.deleted", "id": document_id, "deleted": True}
