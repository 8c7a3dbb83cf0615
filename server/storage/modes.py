"""Takes from others the right to read what is stored."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)


def keep_from_others(folder: Path, *inside: Path) -> None:
    """Leave only the owner's rights on a folder, and on files and whole folders `inside` it.

    Links are left alone. What cannot be changed is logged.
    """
    _keep(folder)
    for path in inside:
        for each in _all_inside(path):
            _keep(each)


def _all_inside(path: Path) -> Iterator[Path]:
    yield path
    for folder, folders, files in os.walk(path):  # follows no links
        yield from (Path(folder, name) for name in (*folders, *files))


def _keep(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o077:
            path.chmod(stat.S_IMODE(mode) & ~0o077)
    except FileNotFoundError:
        pass  # deleted meanwhile
    except OSError as error:
        _log.warning("others may read %s: %s", path, error.strerror)
