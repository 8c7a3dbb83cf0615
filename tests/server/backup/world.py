"""A data folder with users, chats, feedback and adapters, without a model."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters_store.files import WEIGHTS_FILE
from server.accounts.accounts import Account, AccountKind
from server.backup.make import Backup, make_backup
from server.services import Services
from server.settings import Settings
from tests.adapters_store.make import make_version
from tests.feedback.make import make_feedback, make_interaction


@contextmanager
def opened(data: Path) -> Iterator[Services]:
    """The services on a data folder, as a start makes them before the port opens."""
    services = Services(Settings(data_dir=data))
    try:
        yield services
    finally:
        services.stop()


def add_user(services: Services, name: str) -> Account:
    """A user with a chat, feedback on it and a version in use."""
    account, _ = services.accounts.create(name, AccountKind.USER, time.time())
    add_data(services, account)
    return account


def add_data(services: Services, account: Account) -> None:
    """One more chat with feedback, and one more version."""
    stores, user = services.stores, account.id
    number = stores.registry.next_number(user)
    turn = f"chatcmpl-{account.name}-{number}"
    stores.log.store(make_interaction(turn, user_id=user))
    stores.log.add_feedback(make_feedback(f"feedback-{number}", user_id=user, target=turn, value=1))
    staged = stores.files.stage()
    (staged / WEIGHTS_FILE).write_bytes(f"weights {number} of {user}".encode())
    (staged / "adapter_config.json").write_text("{}")
    published = stores.files.publish(staged, user_id=user)
    version = make_version(
        user, number, folder=published.folder, checksum=published.checksum, created_at=time.time()
    )
    stores.registry.register(version)
    active = stores.registry.active(user)
    expected = active.number if active else None
    stores.registry.promote(user, number, expected=expected, by="test", at=1.0, reason="test")


def content(services: Services) -> dict[str, Any]:
    """Everything that is stored, by user name."""
    stores = services.stores
    return {
        account.name: {
            "account": account,
            "rows": list(stores.log.export(account.id)),
            "promotions": stores.registry.promotions(account.id),
            "weights": {
                version.label: (stores.files.open(version) / WEIGHTS_FILE).read_bytes()
                for version in stores.registry.versions(account.id)
            },
        }
        for account in services.accounts.all()
    }


def back_up(services: Services, target: Path) -> Backup:
    """A backup of the services' folder."""
    return make_backup(services.stores.folder, services.stores.database, target)
