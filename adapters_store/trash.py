"""The trash: adapters that the database does not name, kept for a while in case it should.

The database may be an older copy, or another one. Deleting what it does not name would then destroy
adapters that the right database still names.
"""

import shutil
import threading
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

# People notice a wrong database within days. It must not keep the space for ever.
KEPT_DAYS = 30


class Trash:
    """One folder per day under `root`, with what was thrown away on that day.

    Safe to share between threads.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()

    def put(self, path: Path, at: float) -> None:
        """Move a file or folder to the folder of the day of `at`, in UTC seconds."""
        day = self.root / _day(at).isoformat()
        with self._lock:
            day.mkdir(parents=True, exist_ok=True)
            target = day / path.name
            delete(target)  # a copy of the same adapter, which somebody put back on that day
            path.rename(target)

    def take_back(self, name: str, destination: Path) -> bool:
        """Move the newest item of this name to `destination`; return whether there was one."""
        with self._lock:
            found = max((path for path in self._items() if path.name == name), default=None)
            if found is not None:
                found.rename(destination)
        return found is not None

    def erase(self, is_theirs: Callable[[str], bool]) -> None:
        """Delete every item for whose name `is_theirs`, now."""
        with self._lock:
            for path in self._items():
                if is_theirs(path.name):
                    delete(path)

    def prune(self, now: float, *, keep: Collection[str]) -> None:
        """Delete what was thrown away more than `KEPT_DAYS` days before `now`, except `keep`."""
        oldest = _day(now) - timedelta(days=KEPT_DAYS)
        with self._lock:
            for path in self._items():
                if date.fromisoformat(path.parent.name) < oldest and path.name not in keep:
                    delete(path)
            for folder in self._days():
                if not any(folder.iterdir()):
                    folder.rmdir()

    def _items(self) -> list[Path]:
        return [path for folder in self._days() for path in folder.iterdir()]

    def _days(self) -> list[Path]:
        found = self.root.iterdir() if self.root.is_dir() else ()
        return [path for path in found if _is_day(path)]


def delete(path: Path) -> None:
    """Delete a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def _is_day(path: Path) -> bool:
    try:
        date.fromisoformat(path.name)
    except ValueError:
        return False
    return path.is_dir() and not path.is_symlink()
