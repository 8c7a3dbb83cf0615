"""Which users are on their way to another cell, and which requests of theirs are going on.

The only writer of its table.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlite_utils import Database

from server.accounts.schema import migrate


class MoveState(StrEnum):
    """`LEAVING`: all is still here. `MOVED`: all is at the other cell. `ARRIVING`: a copy is here,
    and the other cell has not let go yet."""

    LEAVING = "leaving"
    MOVED = "moved"
    ARRIVING = "arriving"


class MoveConflictError(RuntimeError):
    """This step of a move is not possible now; the message says why."""


class ArchiveError(ValueError):
    """A file is not an archive of a user, or not one of this release."""


@dataclass(frozen=True, slots=True)
class Move:
    """One user's move; `digest` is of the rows that moved, None while they can still change.

    `unfreezes`: the move froze the adapter, and its end unfreezes it.
    """

    state: MoveState
    digest: str | None
    unfreezes: bool


class UserMovingError(RuntimeError):
    """The user is being moved to another cell; a later try gets there."""


class Moves:
    """The moves in the database, and the requests of each user. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._present: Counter[str] = Counter()
        self._changed = threading.Condition()
        migrate(database)

    def of(self, user_id: str) -> Move | None:
        """The user's move, None if the user is here to stay."""
        rows = self._database.query(
            "select state, digest, unfreezes from user_moves where user_id = ?", [user_id]
        )
        row = next(rows, None)
        if row is None:
            return None
        return Move(MoveState(row["state"]), row["digest"], bool(row["unfreezes"]))

    def all(self) -> list[str]:
        """The ids of all users who are on the way, or gone."""
        return [row["user_id"] for row in self._database.query("select user_id from user_moves")]

    def refuse_moving(self, user_id: str) -> None:
        """Raises `UserMovingError` if the user is on the way."""
        if self.of(user_id) is not None:
            raise UserMovingError("This user is being moved. Try again in a moment.")

    def enter(self, user_id: str) -> Callable[[], None]:
        """Count a request of the user until the returned function is called, once.

        Raises `UserMovingError`.
        """
        # Counted before the look: whoever begins a move afterwards sees the request.
        self._count(user_id, 1)
        try:
            self.refuse_moving(user_id)
        except BaseException:
            self._count(user_id, -1)
            raise
        return lambda: self._count(user_id, -1)

    def num_present(self, user_id: str) -> int:
        """How many requests of the user are going on, or are about to be refused."""
        with self._changed:
            return self._present[user_id]

    def wait_until_quiet(self, user_id: str, seconds: float) -> bool:
        """Whether there is a moment without any, within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._present[user_id], seconds)

    def set(self, user_id: str, move: Move, now: float) -> None:
        """Begin a user's move, or take it a step further."""
        with self._database.atomic():
            self._database.execute(
                "insert or replace into user_moves values (?, ?, ?, ?, ?)",
                [user_id, move.state.value, move.digest, int(move.unfreezes), now],
            )

    def end(self, user_id: str) -> None:
        """Let the user's requests in again."""
        with self._database.atomic():
            self._database.execute("delete from user_moves where user_id = ?", [user_id])

    def _count(self, user_id: str, change: int) -> None:
        with self._changed:
            self._present[user_id] += change
            if not self._present[user_id]:
                del self._present[user_id]
                self._changed.notify_all()
