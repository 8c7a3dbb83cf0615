"""Imports an adapter trained elsewhere: staged, converted, checked, published, registered."""

import shutil
import time
from pathlib import Path

from adapters_store.errors import AdapterWithdrawnError
from adapters_store.exchange.conversion import convert_imported
from adapters_store.exchange.imported_config import ImportedConfig
from adapters_store.records import AdapterVersion
from server.accounts.accounts import Account
from server.background.adapter_probe import check_predictions
from server.services import Services


def register_adapter(
    services: Services, user: Account, folder: Path, config: ImportedConfig, *, by: str
) -> AdapterVersion:
    """Make a staged folder with the weights of `config` the user's newest version, unpromoted.

    The staged folder is deleted. If these are the weights of an earlier version, they hold what
    that one learned. Raises `AdapterInvalidError`, `AdapterConflictError`, `EngineOverloadedError`,
    and `AdapterWithdrawnError` for the weights of a withdrawn version.
    """
    stores, runtime = services.stores, services.runtime
    try:
        convert_imported(
            folder,
            config,
            lora=runtime.lora,
            shapes=runtime.engine.shapes,
            base_model=runtime.model.name,
            base_revision=runtime.model.revision,
        )
        runtime.verify(folder)
        check_predictions(runtime.engine, stores.files.staged(folder))
        published = stores.files.publish(folder, user_id=user.id)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with stores.database.atomic():
        number = stores.registry.next_number(user.id)
        same = stores.registry.newest_with(user.id, published.checksum)
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
            example_ids=same.example_ids if same else (),
            report={"imported": True},
        )
        try:
            services.accounts.find(user.id)  # not erased meanwhile
            if same is not None and same.withdrawn_at is not None:
                raise AdapterWithdrawnError(
                    f"these are the weights of {same.label}, which learned from feedback that was"
                    " deleted or changed since"
                )
            stores.registry.register(version)
        except BaseException:
            stores.files.remove(version)
            raise
    return version
