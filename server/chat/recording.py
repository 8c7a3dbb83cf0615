"""Stores how a turn ended, once: complete or aborted."""

import logging

import anyio
from fastapi.concurrency import run_in_threadpool

from feedback.records import Interaction, InteractionStatus
from server.chat.replies import Replies
from server.chat.turn import Turn
from server.services import Services
from server.storage.errors import StorageError

_log = logging.getLogger(__name__)


class Recorder:
    """Stores one turn's interaction and counts it.

    If it cannot be stored, the reply is still sent; `not_stored` says why, else it is None.
    """

    def __init__(self, services: Services, turn: Turn, replies: Replies) -> None:
        self._services = services
        self._turn = turn
        self._replies = replies
        self._is_done = False
        self._is_discarded = False
        self.not_stored: str | None = None
        if turn.is_stored:
            services.unstored.add(self)

    @property
    def user_id(self) -> str:
        """Whose turn it is; empty for nobody's."""
        return self._turn.user.id if self._turn.user else ""

    @property
    def conversation_id(self) -> str:
        """The chat that the turn belongs to."""
        return self._turn.conversation_id

    async def complete(self) -> None:
        """Store a finished turn; feedback on it is accepted from now on."""
        await self._record(InteractionStatus.COMPLETE)

    async def close(self) -> None:
        """Stop writing, and store a turn that is not complete as aborted."""
        self._replies.cancel()
        if not self._is_done:
            await self._record(InteractionStatus.ABORTED)

    def discard(self) -> None:
        """Store nothing of a turn that has not ended."""
        self._is_discarded = True

    async def _record(self, status: InteractionStatus) -> None:
        self._is_done = True
        self._count(status)
        if self._turn.is_stored:
            # Shielded: the turn must be stored even if the client goes away just now.
            with anyio.CancelScope(shield=True):
                try:
                    await run_in_threadpool(self._store, status)
                except StorageError as error:
                    self.not_stored = f"This exchange was not stored. {error}"
                    _log.error("a chat was answered and not stored: %s", error)

    def _store(self, status: InteractionStatus) -> None:
        turn, stores = self._turn, self._services.stores
        assert turn.user is not None
        with stores.database.atomic():
            # A user who was erased meanwhile must not come back through this reply.
            if self._is_discarded or not self._services.accounts.exists(turn.user.id):
                return
            if turn.is_retry:
                since = turn.created_at - self._services.settings.retry_window
                stores.log.supersede(turn.user.id, turn.request_hash, since)
            stores.log.store(interaction(turn, turn.user.id, self._replies, status))

    def _count(self, status: InteractionStatus) -> None:
        metrics, replies = self._services.metrics, self._replies
        metrics.replies.labels(self._turn.kind.value, status.value).inc()
        metrics.prompt_tokens.inc(len(self._turn.prompt_ids))
        metrics.memory_tokens.inc(self._turn.memory.tokens)
        metrics.memory_saved_tokens.inc(self._turn.memory.saved_tokens)
        metrics.reply_tokens.inc(replies.completion_tokens)
        if replies.first_text_at is not None:
            waited = max(0.0, replies.first_text_at - self._turn.created_at)
            metrics.first_token.observe(waited)


def interaction(
    turn: Turn, user_id: str, replies: Replies, status: InteractionStatus
) -> Interaction:
    """The stored form of a turn that has ended."""
    return Interaction(
        id=turn.id,
        user_id=user_id,
        conversation_id=turn.conversation_id,
        created_at=turn.created_at,
        model=turn.model,
        adapter=turn.adapter_label,
        messages=turn.messages,
        replies=tuple(choice.text for choice in replies.choices),
        finish_reasons=tuple(choice.finish_reason or "aborted" for choice in replies.choices),
        prompt_tokens=len(turn.prompt_ids),
        completion_tokens=replies.completion_tokens,
        kind=turn.kind,
        status=status,
        listed=turn.is_listed,
        request_hash=turn.request_hash,
        metadata=turn.metadata,
        message_id=turn.message_id,
        has_instructions=turn.has_instructions,
        organisation=turn.organisation.label if turn.organisation else None,
    )
