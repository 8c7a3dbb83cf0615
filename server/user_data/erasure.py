"""Erases a user: chats, feedback, runs, adapters, account. Nothing can be recovered."""

import time

from server.accounts.accounts import Account
from server.services import Services


def erase_data(services: Services, account: Account) -> int:
    """Erase everything except the account and its key; the number of erased records.

    A training that is going on ends.
    """
    return _erase(services, account, with_account=False)


def erase_account(services: Services, account: Account) -> int:
    """Erase a user with its account; for a frontend, all of its users, too.

    Its key stops working at once. Raises `LastAdminError` before anything is erased.
    """
    erased = 0
    if account.is_frontend:
        for user in services.accounts.users_of(account.id):
            erased += _erase(services, user, with_account=True)
    return erased + _erase(services, account, with_account=True)


def _erase(services: Services, account: Account, *, with_account: bool) -> int:
    stores = services.stores
    # One transaction: a crash leaves everything or nothing. What still runs for this user finds
    # neither account nor run afterwards, so it cannot add anything.
    with stores.database.atomic():
        if with_account:
            services.accounts.erase(account, time.time())
        erased = stores.log.erase(account.id)
        stores.runs.erase(account.id)
        stores.suite_runs.erase(account.id)
        folders = stores.registry.erase(account.id)
    stores.files.erase(account.id, folders)
    stores.registry.finish_erasure(account.id)
    services.rules.forget(account.id)
    services.end_training_of(account.id)
    stores.database.checkpoint()  # erased text leaves the write-ahead log, too
    return erased
