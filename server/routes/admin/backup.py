"""`POST /v1/admin/backup`: copies the data folder.

It writes where it is told to, so only the command line on the server's own machine may ask for it.
"""

from dataclasses import asdict
from pathlib import Path

from fastapi import APIRouter, Depends

from server.auth import App, KeyedRoute, require_command_line
from server.backup.make import make_backup
from server.errors import errors
from server.wire.requests import NewBackup
from server.wire.responses import Json
from server.wire.shapes import Backup

router = APIRouter(
    prefix="/v1/admin/backup",
    route_class=KeyedRoute,
    dependencies=[Depends(require_command_line)],
    tags=["admin: backup"],
)


@router.post("", status_code=201, response_model=Backup, responses=errors(409))
def create_backup(body: NewBackup, services: App) -> Json:
    """Write a backup to a new folder of the server's machine."""
    stores = services.stores
    target, elsewhere = Path(body.folder), stores.files.remote_names
    made = make_backup(stores.folder, stores.database, target, elsewhere)
    return {"object": "backup", "folder": body.folder, **asdict(made)}
