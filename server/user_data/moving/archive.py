"""The archive of a user on the way: a ZIP with the account, all rows, and the adapters' folders."""

import json
import re
import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from server.accounts.moves import ArchiveError
from server.user_data.moving.tables import Row, Rows, digest_of, lines_of

ACCOUNT_FILE = "account.json"
ROWS_FILE = "rows.jsonl"
FOLDERS = "adapters"
_IN_MEMORY = 8 << 20
_USER_ID = re.compile(r"user-[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The rows of an account and its keys, and the digest of all other rows.

    `unfreezes` is as in `Move`.
    """

    account: Row
    keys: list[Row]
    digest: str
    unfreezes: bool


def write_archive(arrival: Arrival, rows: Rows, folders: Iterable[Path]) -> IO[bytes]:
    """The archive, open at its start; a large one is an unnamed file."""
    archive: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        content = {name: getattr(arrival, name) for name in Arrival.__slots__}
        bundle.writestr(ACCOUNT_FILE, json.dumps(content))
        with bundle.open(ROWS_FILE, "w", force_zip64=True) as file:
            for line in lines_of(rows):
                file.write(line)
        for folder in folders:
            for path in sorted(folder.glob("[!.]*")):
                name = f"{FOLDERS}/{folder.name}/{path.name}"
                bundle.write(path, name, zipfile.ZIP_STORED)
    archive.seek(0)
    return archive


class ArchiveReader:
    """Reads an archive that came from outside. Every method raises `ArchiveError`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Refuses an archive with more than `max_bytes` inside."""
        try:
            self._bundle = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise ArchiveError("the body is not an archive of a user") from error
        self._infos = self._bundle.infolist()
        if sum(info.file_size for info in self._infos) > max_bytes:
            self.close()
            raise ArchiveError(f"the archive holds more than {max_bytes} bytes")

    def arrival(self) -> Arrival:
        """Who arrives."""
        try:
            content = json.loads(self._read(ACCOUNT_FILE))
            arrival = Arrival(**content)
            is_whole = bool(_USER_ID.fullmatch(arrival.account["id"]))
            is_whole = is_whole and bool(_DIGEST.fullmatch(arrival.digest))
        except (ValueError, TypeError, LookupError) as error:
            raise ArchiveError(f"{ACCOUNT_FILE} of the archive cannot be read") from error
        if not is_whole:
            raise ArchiveError(f"{ACCOUNT_FILE} of the archive names nobody")
        return arrival

    def rows(self, digest: str) -> Rows:
        """The rows, if they have this digest."""
        rows: dict[str, list[Row]] = defaultdict(list)
        try:
            for line in self._read(ROWS_FILE).splitlines():
                table, row = json.loads(line)
                rows[str(table)].append(dict(row))
            found = digest_of(rows)
        except (ValueError, TypeError) as error:
            raise ArchiveError(f"{ROWS_FILE} of the archive cannot be read") from error
        if found != digest:
            raise ArchiveError(f"{ROWS_FILE} of the archive has changed on the way")
        return rows

    def folders(self) -> set[str]:
        """The names of the adapters' folders."""
        return {path.parts[1] for path, _ in self._in_folders()}

    def unpack(self, folder: str, target: Path) -> None:
        """Write the files of one adapter's folder to an empty one."""
        for path, info in self._in_folders():
            if path.parts[1] == folder:
                try:
                    with self._bundle.open(info) as source, (target / path.name).open("wb") as file:
                        shutil.copyfileobj(source, file)
                except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
                    raise ArchiveError(f"{path} of the archive is damaged") from error

    def close(self) -> None:
        """Close the file."""
        self._bundle.close()

    def _in_folders(self) -> Iterator[tuple[PurePosixPath, zipfile.ZipInfo]]:
        for info in self._infos:
            path = PurePosixPath(info.filename)
            if path.parts[:1] != (FOLDERS,):
                continue
            if len(path.parts) != 3 or path.name.startswith("."):
                raise ArchiveError("the archive holds a file in a strange place")
            yield path, info

    def _read(self, name: str) -> bytes:
        try:
            return self._bundle.read(name)
        except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ArchiveError(f"{name} of the archive is missing or damaged") from error

    def __enter__(self) -> "ArchiveReader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
