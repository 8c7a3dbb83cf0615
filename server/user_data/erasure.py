"""Erases a user: chats, feedback, runs, adapters, account. Nothing can be recovered."""

from server.accounts.accounts import Account
from server.backup.erasures import erase_stored
from server.services import Services


def erase_data(services: Services, account: Account) -> int:
    """Erase everything except the account and its key; the number of erased records.

    A training that is going on ends.
    """
    return _erase(services, account, with_account=False)


def erase_account(services: Services, account: Account) -> int:
    """Erase a user with its account; for a frontend, all of its users, too.

    Its key stops working at once. The organisation's account stays: its documents and versions go.
    Raises `LastAdminError` before anything is erased.
    """
    erased = 0
    if account.is_frontend:
        for user in services.accounts.users_of(account.id):
            erased += _erase(services, user, with_account=True)
    return erased + _erase(services, account, with_account=not account.is_organisation)


def _erase(services: Services, account: Account, *, with_account: bool) -> int:
    stores = services.stores
    services.running.discard(account.id)
    services.unstored.discard(account.id)
    erased = erase_stored(stores, services.accounts, account, with_account=with_account)
    services.rules.forget(account.id)
    services.end_training_of(account.id)
    stores.database.checkpoint()  # erased text leaves the write-ahead log, too
    return erased
