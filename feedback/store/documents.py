"""The organisation's documents. Their questions are corrected turns of the organisation's own."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from sqlite_utils import Database

from feedback.errors import NotFoundError, QuotaExceededError
from feedback.records import (
    ORGANISATION,
    Document,
    DocumentQuestion,
    Feedback,
    Interaction,
    Message,
)
from feedback.store import audit
from feedback.store.audit import AuditAction
from feedback.store.log import FeedbackLog
from feedback.store.queries import select_feedback, select_interactions, snapshot

MAX_DOCUMENTS = 100
MAX_CHARACTERS = 50_000
_PREFIX = "document-"


def is_of_document(conversation_id: str) -> bool:
    """Whether a conversation is a question about a document."""
    return conversation_id.startswith(_PREFIX)


class Documents:
    """Stores documents and their questions. Every public method is one transaction.

    A question is an interaction of the organisation with what the base said, and its answer is a
    correction. So filters, withdrawals and erasure treat it like any user's feedback.
    """

    def __init__(
        self, database: Database, log: FeedbackLog, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock

    def add(self, name: str, text: str, *, by: str) -> Document:
        """Store a document. Raises `QuotaExceededError` if there are `MAX_DOCUMENTS` already."""
        document = Document(f"{_PREFIX}{uuid4().hex}", name, text, self._clock(), by)
        with self._database.atomic():
            if len(self.all()) >= MAX_DOCUMENTS:
                raise QuotaExceededError(f"There are {MAX_DOCUMENTS} documents: delete one first.")
            self._database.execute(
                "INSERT INTO organisation_documents (id, name, text, added_at, added_by)"
                " VALUES (?, ?, ?, ?, ?)",
                [document.id, name, text, document.added_at, by],
            )
            self._audit(document.id, AuditAction.CREATED)
        return document

    def all(self) -> list[Document]:
        """Every document, oldest first."""
        return self._select("deleted_at IS NULL")

    def document(self, document_id: str) -> Document:
        """One document. Raises `NotFoundError`."""
        found = self._select("deleted_at IS NULL AND id = ?", document_id)
        if not found:
            raise NotFoundError(f"There is no document {document_id!r}.")
        return found[0]

    def questions(self, document_id: str) -> list[DocumentQuestion]:
        """The questions about a document that are taught."""
        with snapshot(self._database):
            turns = select_interactions(
                self._database, "user_id = ? AND message_id = ?", [ORGANISATION, document_id]
            )
            given = {
                each.completion_id: each.correction or ""
                for each in select_feedback(self._database, "user_id = ?", [ORGANISATION])
            }
        return [
            DocumentQuestion(each.messages[-1].content, given[each.id], each.reply)
            for each in turns
            if each.id in given
        ]

    def store_questions(
        self, document_id: str, questions: Sequence[DocumentQuestion], *, rejected: int, model: str
    ) -> None:
        """Store what was made of a document, unless it was deleted meanwhile."""
        with self._database.atomic():
            cursor = self._database.execute(
                "UPDATE organisation_documents SET num_rejected = ?"
                " WHERE id = ? AND deleted_at IS NULL",
                [rejected, document_id],
            )
            if not cursor.rowcount:
                return
            now = self._clock()
            for number, each in enumerate(questions):
                self._store(document_id, number, each, model, now)

    def delete(self, document_id: str, *, by: str) -> None:
        """Delete a document and its questions; versions that learned them are withdrawn.

        Raises `NotFoundError`.
        """
        with self._database.atomic():
            document = self.document(document_id)
            if document.num_questions:
                self._log.delete_message(ORGANISATION, document_id)
            self._database.execute(
                "UPDATE organisation_documents SET text = '', deleted_at = ?, deleted_by = ?"
                " WHERE id = ?",
                [self._clock(), by, document_id],
            )

    def _store(
        self, document_id: str, number: int, question: DocumentQuestion, model: str, now: float
    ) -> None:
        turn = Interaction(
            id=f"chatcmpl-{uuid4().hex}",
            user_id=ORGANISATION,
            # One each, so that some questions of a document can be held out.
            conversation_id=f"{document_id}-{number}",
            created_at=now,
            model=model,
            adapter="base",
            messages=(Message("user", question.question),),
            replies=(question.base_reply,),
            finish_reasons=("stop",),
            prompt_tokens=0,
            completion_tokens=0,
            message_id=document_id,
        )
        self._log.store(turn)
        self._log.add_feedback(
            Feedback(
                id=f"feedback-{uuid4().hex}",
                user_id=ORGANISATION,
                completion_id=turn.id,
                created_at=now,
                updated_at=now,
                correction=question.answer,
            )
        )

    def _select(self, condition: str, *values: str) -> list[Document]:
        rows = self._database.query(
            "SELECT id, name, text, added_at, added_by, num_rejected, (SELECT count(*)"
            f" FROM interactions WHERE user_id = '{ORGANISATION}' AND message_id = document.id)"
            f" AS num_questions FROM organisation_documents AS document WHERE {condition}"
            " ORDER BY added_at, id",
            list(values),
        )
        return [_document(row) for row in rows]

    def _audit(self, document_id: str, action: AuditAction) -> None:
        at = self._clock()
        audit.record(self._database, ORGANISATION, document_id, action, at=at, trains=True)


def _document(row: dict[str, Any]) -> Document:
    rejected = row["num_rejected"]
    return Document(**row | {"num_rejected": rejected or 0}, is_read=rejected is not None)
