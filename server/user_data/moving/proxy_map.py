"""The lines of the proxy's map: users who live here though the hash leads elsewhere."""

from server.accounts.accounts import Account
from server.accounts.transfer import public_ids, public_ids_of
from server.cells import map_line, owner_of_named, owner_of_public_id
from server.services import Services


def lines_of_user(services: Services, account: Account) -> list[str]:
    """One user's lines."""
    return _lines(services, _owners(services, account))


def all_lines(services: Services) -> list[str]:
    """The lines of everybody who lives here."""
    accounts = services.accounts
    away = set(services.moves.all())
    owners = [
        owner_of_public_id(public_id)
        for user_id, public_id in public_ids(services.stores.database)
        if user_id not in away
    ]
    frontends = {each.id: each for each in accounts.all() if each.is_frontend}
    for frontend in frontends.values():
        for user in accounts.users_of(frontend.id):
            if user.id not in away:
                owners.append(owner_of_named(frontend.name, str(user.external_id)))
    return _lines(services, owners)


def _owners(services: Services, account: Account) -> list[str]:
    if account.frontend_id is not None:
        frontend = services.accounts.find(account.frontend_id)
        return [owner_of_named(frontend.name, str(account.external_id))]
    found = public_ids_of(services.stores.database, account)
    return [owner_of_public_id(public_id) for public_id in found]


def _lines(services: Services, owners: list[str]) -> list[str]:
    cells = services.cells
    return [map_line(owner, cells.here) for owner in owners if not cells.is_home(owner)]
