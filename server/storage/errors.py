"""What can be wrong with the data folder's storage, in sentences. Pure."""

import errno

from sqlite_utils.utils import sqlite3


class StorageError(RuntimeError):
    """Nothing can be stored at the moment; the message says why."""


class StorageFullError(StorageError):
    """The disk is full."""


class DamagedError(StorageError):
    """The database file is damaged."""


FULL = "The disk of the data folder is full. Free some space on it."
LOCKED = "Another program has locked the database. Wait, or end that program."
DAMAGED = "The database is damaged. Restore a backup."

_CANNOT_WRITE = "The data folder cannot be written to ({}). Give the server the right to write."
_CANNOT_ACCESS = "The data folder's disk fails ({}). Check it, and restart the server."

_FULL_CODES = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY_CODES = (errno.EROFS, errno.EACCES, errno.EPERM)


def storage_error(error: BaseException) -> StorageError | None:
    """The storage's fault behind an error of SQLite or the file system; None if it is none."""
    if isinstance(error, sqlite3.Error):
        # The lower byte: the rest only says where it happened.
        return _of_sqlite(getattr(error, "sqlite_errorcode", 0) & 0xFF, error)
    if isinstance(error, OSError) and error.errno in _FULL_CODES:
        return StorageFullError(FULL)
    if isinstance(error, OSError) and error.errno in _READ_ONLY_CODES:
        return StorageError(_CANNOT_WRITE.format(error.strerror))
    return None


def _of_sqlite(code: int, error: sqlite3.Error) -> StorageError | None:
    match code:
        case sqlite3.SQLITE_FULL:
            return StorageFullError(FULL)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StorageError(LOCKED)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageError(_CANNOT_WRITE.format(error))
        case sqlite3.SQLITE_IOERR:
            return StorageError(_CANNOT_ACCESS.format(error))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DamagedError(DAMAGED)
    return None
