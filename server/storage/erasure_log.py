"""Erasures, noted outside the database: an older copy of it must not bring an erased user back.

One JSON line per erasure. It says who was erased only to those who know the user's id already.
"""

import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NotedErasure:
    """One erasure: of a whole account, or of its data alone. `user` is a salted hash of its id."""

    id: str
    salt: str
    user: str
    with_account: bool

    def is_of(self, user_id: str) -> bool:
        """Whether this user was erased."""
        return self.user == _hash(self.salt, user_id)


class ErasureLog:
    """The file of one data folder. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    @contextmanager
    def noting(self, user_id: str, *, with_account: bool) -> Iterator[NotedErasure]:
        """Note an erasure durably, then run the block that erases; if that fails, take it back.

        After a crash in between the note is there and the user as well: the next start erases.
        """
        salt = secrets.token_hex(16)
        user = _hash(salt, user_id)
        erasure = NotedErasure(secrets.token_hex(16), salt, user, with_account)
        with self._lock:
            size = self._path.stat().st_size if self._path.exists() else 0
            try:
                self._append([erasure])
                yield erasure
            except BaseException:
                if self._path.exists():
                    os.truncate(self._path, size)
                raise

    def all(self) -> list[NotedErasure]:
        """Every erasure, oldest first. A line that a crash has cut short is left out."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().splitlines()
        return [erasure for line in lines if (erasure := _parsed(line)) is not None]

    def add_missing(self, erasures: Iterable[NotedErasure]) -> None:
        """Add those that are not here yet."""
        with self._lock:
            known = {each.id for each in self.all()}
            if missing := [each for each in erasures if each.id not in known]:
                self._append(missing)

    def _append(self, erasures: list[NotedErasure]) -> None:
        lines = "".join(json.dumps(asdict(each)) + "\n" for each in erasures)
        with self._path.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                lines = lines if file.read(1) == b"\n" else f"\n{lines}"
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())


def _parsed(line: bytes) -> NotedErasure | None:
    try:
        return NotedErasure(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _hash(salt: str, user_id: str) -> str:
    return sha256(f"{salt} {user_id}".encode()).hexdigest()
