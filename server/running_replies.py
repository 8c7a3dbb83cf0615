"""The replies that go on without a reader, so that their users can find them again, and all turns
that are not stored yet, so that a deletion reaches them."""

import threading
from collections.abc import Collection
from typing import Protocol
from weakref import WeakSet

from feedback.records import Interaction


class Running(Protocol):
    """A reply that is being written."""

    @property
    def id(self) -> str:
        """Its completion id."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def conversation_id(self) -> str:
        """The chat that it belongs to."""

    @property
    def is_read(self) -> bool:
        """Whether somebody reads it now."""

    def interaction(self) -> Interaction:
        """Its turn with what is written so far."""

    async def cancel(self) -> None:
        """Stop it; what was written is stored as stopped."""

    def discard(self) -> None:
        """End it, and store nothing. May be called from any thread."""


class RunningReplies:
    """All of them, of all users."""

    def __init__(self) -> None:
        self._replies: dict[str, Running] = {}

    def add(self, reply: Running) -> None:
        """Know a reply from now on."""
        self._replies[reply.id] = reply

    def remove(self, reply: Running) -> None:
        """Forget a reply that has ended."""
        self._replies.pop(reply.id, None)

    def find(self, user_id: str, completion_id: str) -> Running | None:
        """This user's reply with this id, if it is being written."""
        found = self._replies.get(completion_id)
        return found if found is not None and found.user_id == user_id else None

    def of_user(self, user_id: str) -> list[Running]:
        """The user's replies that are being written, oldest first."""
        return [each for each in list(self._replies.values()) if each.user_id == user_id]

    def of_chat(self, user_id: str, conversation_id: str) -> list[Running]:
        """The replies that are being written in one chat of a user, oldest first."""
        return [each for each in self.of_user(user_id) if each.conversation_id == conversation_id]

    def count_unread(self, user_id: str) -> int:
        """How many of a user's replies nobody reads."""
        return sum(not each.is_read for each in self.of_user(user_id))

    def discard(self, user_id: str) -> None:
        """End all replies of a user who is being erased. May be called from any thread."""
        for each in self.of_user(user_id):
            each.discard()

    async def stop(self) -> None:
        """Stop all of them."""
        for each in list(self._replies.values()):
            await each.cancel()


class UnstoredTurn(Protocol):
    """A turn that is stored once its reply has ended."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def conversation_id(self) -> str:
        """The chat that it belongs to."""

    def discard(self) -> None:
        """Store nothing of it. May be called from any thread."""


class UnstoredTurns:
    """The turns of all users whose replies are being written. Safe to share between threads."""

    def __init__(self) -> None:
        self._turns: WeakSet[UnstoredTurn] = WeakSet()
        self._lock = threading.Lock()

    def add(self, turn: UnstoredTurn) -> None:
        """Know a turn for as long as somebody holds it."""
        with self._lock:
            self._turns.add(turn)

    def discard(self, user_id: str, conversation_ids: Collection[str] | None = None) -> None:
        """Let nothing be stored of the user's turns, or of those in these chats.

        Call it before what is stored is deleted: a turn is stored before that, or never.
        """
        with self._lock:
            turns = list(self._turns)
        for each in turns:
            is_meant = conversation_ids is None or each.conversation_id in conversation_ids
            if each.user_id == user_id and is_meant:
                each.discard()
