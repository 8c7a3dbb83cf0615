"""Erases what the stores hold of a user, and repeats erasures that the database does not know."""

import logging
import time

from server.accounts.accounts import Account, Accounts
from server.storage.erasure_log import NotedErasure
from server.stores import Stores, finish_erasures

_log = logging.getLogger(__name__)


def erase_stored(
    stores: Stores, accounts: Accounts, account: Account, *, with_account: bool
) -> int:
    """Erase a user's data, and the account if asked for; the number of erased records.

    Raises `LastAdminError` before anything is erased.
    """
    # Noted first: after a crash the next start finishes it. Then one transaction: a crash leaves
    # everything or nothing. What still runs for this user finds neither account nor run afterwards,
    # so it cannot add anything.
    noting = stores.erasures.noting(account.id, with_account=with_account)
    with noting as noted, stores.database.atomic():
        accounts.note_erasure(noted.id, time.time())
        if with_account:
            accounts.erase(account, time.time())
        erased, folders = _erase_rows(stores, account.id)
    stores.files.erase(account.id, folders)
    stores.registry.finish_erasure(account.id)
    return erased


def repeat_erasures(stores: Stores, accounts: Accounts) -> int:
    """Repeat the noted erasures that the database does not know; return how many users they hit.

    The database is older than they are: it was restored, or the server died while erasing.
    """
    known = accounts.noted_erasures()
    unknown = [each for each in stores.erasures.all() if each.id not in known]
    repeated = sum(_repeat(stores, accounts, each) for each in unknown)
    if repeated:
        finish_erasures(stores.registry, stores.files)
        stores.database.checkpoint()  # erased text leaves the write-ahead log, too
        _log.warning("users whom this older database still had, erased again: %d", repeated)
    return repeated


def _repeat(stores: Stores, accounts: Accounts, noted: NotedErasure) -> int:
    """Erase the rows of a noted erasure; return how many users had some."""
    with stores.database.atomic():
        accounts.note_erasure(noted.id, time.time())
        found = [each for each in accounts.all() if noted.is_of(each.id)]
        if noted.with_account:
            found = [user for each in found for user in (*accounts.users_of(each.id), each)]
        for account in found:
            if noted.with_account:
                # If nobody is left to administer, this start makes a new admin.
                accounts.erase(account, time.time(), may_be_last=True)
            _erase_rows(stores, account.id)
    return len(found)


def _erase_rows(stores: Stores, user_id: str) -> tuple[int, list[str]]:
    """The number of erased records, and the adapter folders to delete."""
    erased = stores.log.erase(user_id)
    stores.runs.erase(user_id)
    stores.suite_runs.erase(user_id)
    return erased, stores.registry.erase(user_id)
