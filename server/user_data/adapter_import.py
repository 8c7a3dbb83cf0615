"""Imports an adapter that was trained elsewhere: staged, checked, published, registered."""

import json
import shutil
import time
from pathlib import Path

from adapters_store.peft_config import CONFIG_FILE
from adapters_store.records import AdapterVersion
from server.accounts.accounts import Account
from server.services import Services


def register_adapter(services: Services, user: Account, folder: Path, *, by: str) -> AdapterVersion:
    """Make a staged folder the user's newest version, without promoting it.

    The staged folder is deleted. Raises `AdapterInvalidError`, `AdapterConflictError`.
    """
    stores, runtime = services.stores, services.runtime
    try:
        runtime.verify(folder)
        published = stores.files.publish(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with stores.database.atomic():
        number = stores.registry.next_number(user.id)
        version = AdapterVersion(
            user_id=user.id,
            number=number,
            parent=None,
            folder=published.folder,
            checksum=published.checksum,
            size_bytes=published.size_bytes,
            base_model=runtime.model.name,
            base_revision=runtime.model.revision,
            lora=runtime.lora,
            created_at=time.time(),
            created_by=by,
            report={"imported": True},
        )
        try:
            services.accounts.find(user.id)  # not erased meanwhile
            stores.registry.register(version)
        except BaseException:
            stores.files.remove(version)
            raise
    return version


def write_config(folder: Path, config: dict[str, object]) -> None:
    """Write the adapter's configuration beside its weights."""
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2), encoding="utf-8")
