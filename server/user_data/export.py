"""Exports everything that is stored of one user, as an archive that other tools can read."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from fastapi.responses import StreamingResponse

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from server.accounts.accounts import Account
from server.services import Services
from server.wire.json_line import json_line
from server.wire.responses import account_json, promotion_json, run_json, version_json

MAX_RUNS = 10_000
_IN_MEMORY = 8 << 20
_CHUNK = 1 << 16


def export_archive(services: Services, account: Account) -> IO[bytes]:
    """A ZIP file, open at its start: account, feedback, versions and runs as JSON, and the adapter
    in use as a PEFT folder. A large archive is an unnamed file, deleted with its last reference."""
    stores = services.stores
    active = stores.registry.active(account.id)
    archive = _new_archive()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("account.json", json.dumps(account_json(account), indent=2))
        _write_lines(bundle, "feedback.jsonl", stores.log.export(account.id))
        choices = (asdict(each) for each in stores.log.choices(account.id))
        _write_lines(bundle, "organisation.jsonl", choices)
        versions = (
            version_json(v, active, stores.suite_runs.newest(v.user_id, v.number))
            for v in stores.registry.versions(account.id)
        )
        _write_lines(bundle, "versions.jsonl", versions)
        promotions = stores.registry.promotions(account.id)
        _write_lines(bundle, "promotions.jsonl", map(promotion_json, promotions))
        runs = stores.runs.runs(account.id, limit=MAX_RUNS)
        _write_lines(bundle, "runs.jsonl", map(run_json, runs))
        if active is not None:
            try:
                _write_folder(bundle, f"adapter-{active.label}", stores.files.open(active))
            except (AdapterNotFoundError, AdapterInvalidError) as error:
                bundle.writestr("adapter-is-damaged.txt", f"{error}\n")
    archive.seek(0)
    return archive


def folder_archive(name: str, folder: Path) -> IO[bytes]:
    """A ZIP file with one folder's files, open at its start."""
    archive = _new_archive()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        _write_folder(bundle, name, folder)
    archive.seek(0)
    return archive


def gguf_file(write: Callable[[Path], None]) -> IO[bytes]:
    """A GGUF file that `write` puts at a path, open at its start; it is deleted when closed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adapter.gguf"
        write(path)
        return path.open("rb")  # the open file outlives its name


def zip_response(archive: IO[bytes], name: str) -> StreamingResponse:
    """Send an archive as a download; `name` must consist of ids and labels only."""
    return file_response(archive, name, "application/zip")


def file_response(file: IO[bytes], name: str, media_type: str) -> StreamingResponse:
    """Send an open file as a download; `name` must consist of ids and labels only."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_chunks(file), media_type=media_type, headers=headers)


def _new_archive() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed when sent


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file in chunks; it is closed at the end."""
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _write_lines(bundle: zipfile.ZipFile, name: str, rows: Iterable[dict[str, Any]]) -> None:
    with bundle.open(name, "w", force_zip64=True) as file:
        for row in rows:
            file.write(json_line(row).encode() + b"\n")


def _write_folder(bundle: zipfile.ZipFile, name: str, folder: Path) -> None:
    # What begins with a dot is only of use to a server.
    for path in sorted(folder.glob("[!.]*")):
        with path.open("rb") as source, bundle.open(f"{name}/{path.name}", "w") as target:
            shutil.copyfileobj(source, target)
