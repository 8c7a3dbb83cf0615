"""Whether a folder takes files at the moment."""

import os
import tempfile
from pathlib import Path

from server.storage.errors import StorageError, storage_error

# A few stored chats: an almost full disk is found before one is lost.
_BYTES = 1 << 18


def why_not_writable(folder: Path) -> StorageError | None:
    """Write and delete a file there. What stands in the way, or None."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return storage_error(error) or StorageError(f"{folder} fails: {error.strerror}.")
    return None
