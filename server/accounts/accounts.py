"""Accounts and their keys. The only writer of these tables."""

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlite_utils import Database

from feedback.records import ORGANISATION
from server.accounts import keys
from server.accounts.identity import IdentityRules
from server.accounts.schema import migrate
from server.cells import Cells, owner_of_key
from server.storage.errors import StorageError

MAX_NAME_LENGTH = 64
_FORBIDDEN_IN_NAMES = frozenset("/:?#%\\")
_LAST_SEEN_RESOLUTION = 60.0
SERVER = "server"
"""What made the first admin, and the keys of the settings."""


class AccountKind(StrEnum):
    """What an account's key may do: everything, act as one user, or act for users it names."""

    ADMIN = "admin"
    USER = "user"
    FRONTEND = "frontend"


@dataclass(frozen=True, slots=True)
class Account:
    """A user, an admin (also a user), or a frontend. Times are UTC seconds since the epoch.

    For users that a frontend named, `frontend_id` is its id, `external_id` its id for them and
    `display_name` what it calls them. A frontend without `identity_rules` has the settings'.
    """

    id: str
    name: str
    kind: AccountKind
    created_at: float
    last_seen_at: float | None = None
    frontend_id: str | None = None
    external_id: str | None = None
    display_name: str | None = None
    identity_rules: IdentityRules | None = None

    @property
    def is_admin(self) -> bool:
        """Whether admin routes are open to it."""
        return self.kind is AccountKind.ADMIN

    @property
    def is_organisation(self) -> bool:
        """Whether it owns the organisation's adapter; nobody can act as it."""
        return self.id == ORGANISATION

    @property
    def is_frontend(self) -> bool:
        """Whether it acts for other users."""
        return self.kind is AccountKind.FRONTEND


class UnknownAccountError(LookupError):
    """There is no account with this id or name."""


class InvalidNameError(ValueError):
    """An account cannot have this name."""


class NameTakenError(RuntimeError):
    """Another account has this name."""


class NoFrontendError(ValueError):
    """Only a frontend has identity rules."""


class OrganisationAccountError(ValueError):
    """The organisation is nobody: it has no key, says nothing itself, and stays in its cell."""


class ErasedIdentityError(LookupError):
    """The frontend's user was erased and has not chatted since."""


class LastAdminError(RuntimeError):
    """Without this account nobody could administer the server."""


class Accounts:
    """Users and keys in the database."""

    def __init__(self, database: Database, cells: Cells | None = None) -> None:
        """New keys are of users whom the hash of these `cells` leads here."""
        self._database = database
        self._cells = cells or Cells()
        migrate(database)

    def ensure_admin(self, preset: str | None, now: float) -> str | None:
        """Make the first admin if there is none, and return its new key, to be shown once.

        A `preset` key becomes that admin's only key, and is not returned. Raises `ValueError` if
        the preset is not a valid key.
        """
        key = keys.preset_key(preset) if preset is not None else None
        with self._database.atomic():
            if not self._count_admins():
                admin = self._insert("admin", AccountKind.ADMIN, now, SERVER)
                made = key or self._new_key()
                self._insert_key(admin.id, made, now, SERVER)
                return made.text if key is None else None
            if key is not None:
                admin, owner = self.first_admin(), self.authenticate(key.text, now)
                if owner is None or owner.id != admin.id:
                    self._replace_keys(admin.id, key, now, SERVER)
        return None

    def create(
        self,
        name: str,
        kind: AccountKind,
        now: float,
        rules: IdentityRules | None = None,
        *,
        by: str | None = None,
    ) -> tuple[Account, str]:
        """Make an account and its key, which cannot be read again; `by` is the id of who makes it.

        Raises `InvalidNameError`, `NameTakenError`, and `NoFrontendError` for rules of a user.
        """
        check_name(name)
        key = self._new_key()
        with self._database.atomic():
            if self._one("name = ?", name) is not None:
                raise NameTakenError(f"the name {name!r} is taken: choose another one")
            account = self._insert(name, kind, now, by)
            self._insert_key(account.id, key, now, by)
            if rules is not None:
                account = self.set_identity_rules(account, rules)
        return account, key.text

    def ensure_organisation(self, now: float) -> None:
        """Make the organisation's account if there is none. It has no key."""
        with self._database.atomic():
            self._database.execute(
                "insert or ignore into users (id, name, kind, display_name, created_at)"
                " values (?, ?, 'user', 'The organisation', ?)",
                [ORGANISATION, ORGANISATION, now],
            )

    def set_identity_rules(self, account: Account, rules: IdentityRules | None) -> Account:
        """Let a frontend have rules of its own, or those of the settings again (None).

        Raises `NoFrontendError` if it is no frontend.
        """
        if not account.is_frontend:
            raise NoFrontendError("only a frontend names users: others have no identity rules")
        secret, trusts = (rules.jwt_secret, rules.trust_headers) if rules else (None, None)
        with self._database.atomic():
            self._database.execute(
                "update users set jwt_secret = ?, trust_headers = ? where id = ?",
                [secret, trusts, account.id],
            )
        return replace(account, identity_rules=rules)

    def replace_key(self, account_id: str, now: float, *, by: str | None = None) -> str:
        """Revoke all keys of an account at once, and return a new one; `by` is who makes it.

        Raises `OrganisationAccountError` for the organisation.
        """
        if account_id == ORGANISATION:
            raise OrganisationAccountError("nobody can act as the organisation: it has no key")
        key = self._new_key()
        with self._database.atomic():
            self._replace_keys(account_id, key, now, by)
        return key.text

    def authenticate(self, token: str, now: float) -> Account | None:
        """The account with this key, or None. Updates when it was last seen."""
        if len(token) > keys.MAX_LENGTH:
            return None
        rows = self._database.query(
            "select user_id, hash from api_keys where public_id = ?", [keys.public_id(token)]
        )
        row = next(rows, None)
        if row is None or not keys.matches(token, row["hash"]):
            return None
        account = self._one("id = ?", row["user_id"])
        return self._note_seen(account, now) if account is not None else None

    def acting_user(
        self, frontend: Account, external_id: str, now: float, display_name: str | None = None
    ) -> Account:
        """The user that a frontend names; made if unknown, also after an erasure.

        The newest `display_name` is kept.
        """
        with self._database.atomic():
            account = self._external(frontend, external_id)
            if account is None:
                name = f"{frontend.name}:{external_id}"
                account = self._insert(
                    name, AccountKind.USER, now, frontend.id, frontend.id, external_id
                )
                self._database.execute(
                    "delete from erased_identities where frontend_id = ? and external_hash = ?",
                    [frontend.id, hash_identity(external_id)],
                )
        return self._note_seen(self._note_display_name(account, display_name), now)

    def known_user(self, frontend: Account, external_id: str) -> Account:
        """The user that a frontend names. Raises `UnknownAccountError`, `ErasedIdentityError`."""
        account = self._external(frontend, external_id)
        if account is not None:
            return account
        erased = self._database.query(
            "select 1 from erased_identities where frontend_id = ? and external_hash = ?",
            [frontend.id, hash_identity(external_id)],
        )
        if next(erased, None) is not None:
            raise ErasedIdentityError("this user was erased, and has not chatted since")
        raise UnknownAccountError("this frontend has no such user")

    def find(self, id_or_name: str) -> Account:
        """Look an account up by its id, else by its name. Raises `UnknownAccountError`."""
        account = self._one("id = ?", id_or_name) or self._one("name = ?", id_or_name)
        if account is None:
            raise UnknownAccountError(f"there is no user {id_or_name!r}")
        return account

    def exists(self, account_id: str) -> bool:
        """Whether there is an account with this id."""
        return self._one("id = ?", account_id) is not None

    def count(self) -> int:
        """How many accounts there are."""
        (row,) = self._database.query("select count(*) as n from users")
        return int(row["n"])

    def all(self) -> list[Account]:
        """Every account, oldest first."""
        rows = self._database.query("select * from users order by created_at, id")
        return [_account(row) for row in rows]

    def those(self, account_ids: Iterable[str]) -> list[Account]:
        """The accounts with these ids, in their order; ids of nobody are left out."""
        rows = self._database.query(
            "select users.* from json_each(?) as wanted join users on users.id = wanted.value"
            " order by wanted.key",
            [json.dumps(list(account_ids))],
        )
        return [_account(row) for row in rows]

    def users_of(self, frontend_id: str) -> list[Account]:
        """The users that a frontend has named, oldest first."""
        rows = self._database.query(
            "select * from users where frontend_id = ? order by created_at, id", [frontend_id]
        )
        return [_account(row) for row in rows]

    def erase(self, account: Account, now: float, *, may_be_last: bool = False) -> None:
        """Delete an account and its keys. Raises `LastAdminError` for the only admin, unless it
        `may_be_last`.

        A frontend's users must be erased before it.
        """
        with self._database.atomic():
            if account.is_admin and self._count_admins() <= 1 and not may_be_last:
                raise LastAdminError("this is the only admin: make another one first")
            if account.frontend_id is not None and account.external_id is not None:
                self._database.execute(
                    "insert or replace into erased_identities values (?, ?, ?)",
                    [account.frontend_id, hash_identity(account.external_id), now],
                )
            self._database.execute(
                "delete from erased_identities where frontend_id = ?", [account.id]
            )
            for table in ("api_keys", "user_moves"):
                self._database.execute(f"delete from {table} where user_id = ?", [account.id])
            for table in ("api_keys", "users"):
                self._database.execute(
                    f"update {table} set made_by = null where made_by = ?", [account.id]
                )
            self._database.execute("delete from users where id = ?", [account.id])

    def note_erasure(self, erasure_id: str, now: float) -> None:
        """Remember that this database knows an erasure, and since when."""
        with self._database.atomic():
            self._database.execute(
                "insert or ignore into noted_erasures values (?, ?)", [erasure_id, now]
            )

    def noted_erasures(self) -> set[str]:
        """The ids of the erasures that this database knows."""
        return {row["id"] for row in self._database.query("select id from noted_erasures")}

    def first_admin(self) -> Account:
        """The oldest admin. Raises `UnknownAccountError` before the first `ensure_admin`."""
        rows = self._database.query(
            "select * from users where kind = 'admin' order by created_at, id limit 1"
        )
        for row in rows:
            return _account(row)
        raise UnknownAccountError("there is no admin")

    def _new_key(self) -> keys.NewKey:
        """A key that the proxy leads to this cell."""
        while True:
            key = keys.new_key()
            if self._cells.is_home(owner_of_key(key.text) or ""):
                return key

    def _count_admins(self) -> int:
        rows = self._database.query("select count(*) as n from users where kind = 'admin'")
        return int(next(rows)["n"])

    def _external(self, frontend: Account, external_id: str) -> Account | None:
        return self._one("frontend_id = ? and external_id = ?", frontend.id, external_id)

    def _one(self, where: str, *params: str) -> Account | None:
        row = next(self._database.query(f"select * from users where {where}", list(params)), None)
        return _account(row) if row else None

    def _insert(
        self,
        name: str,
        kind: AccountKind,
        now: float,
        by: str | None,
        frontend_id: str | None = None,
        external_id: str | None = None,
    ) -> Account:
        account = Account(
            id=f"user-{uuid.uuid4().hex}",
            name=name,
            kind=kind,
            created_at=now,
            frontend_id=frontend_id,
            external_id=external_id,
        )
        self._database.execute(
            "insert into users (id, name, kind, frontend_id, external_id, created_at, made_by)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            [account.id, name, kind.value, frontend_id, external_id, now, by],
        )
        return account

    def _insert_key(self, account_id: str, key: keys.NewKey, now: float, by: str | None) -> None:
        self._database.execute(
            "insert into api_keys (public_id, user_id, hash, created_at, made_by)"
            " values (?, ?, ?, ?, ?)",
            [key.public_id, account_id, key.hash, now, by],
        )

    def _replace_keys(self, account_id: str, key: keys.NewKey, now: float, by: str | None) -> None:
        self._database.execute("delete from api_keys where user_id = ?", [account_id])
        self._insert_key(account_id, key, now, by)

    def _note_display_name(self, account: Account, name: str | None) -> Account:
        if name is None or name == account.display_name:
            return account
        try:
            with self._database.atomic():
                self._database.execute(
                    "update users set display_name = ? where id = ?", [name, account.id]
                )
        except StorageError:
            return account
        return replace(account, display_name=name)

    def _note_seen(self, account: Account, now: float) -> Account:
        """Write at most once a minute, so that most requests do not wait for a commit.

        A key is right even if nothing can be stored.
        """
        if account.last_seen_at is not None and now - account.last_seen_at < _LAST_SEEN_RESOLUTION:
            return account
        try:
            with self._database.atomic():
                self._database.execute(
                    "update users set last_seen_at = ? where id = ?", [now, account.id]
                )
        except StorageError:
            return account
        return replace(account, last_seen_at=now)


def check_name(name: str) -> None:
    """Raises `InvalidNameError` if no account can have this name."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidNameError(f"a name has 1 to {MAX_NAME_LENGTH} characters")
    if not name.isprintable() or name != name.strip() or _FORBIDDEN_IN_NAMES & set(name):
        raise InvalidNameError("a name must be printable, without / : ? # % \\ or outer spaces")
    if name in (".", "..") or name.startswith("user-"):
        raise InvalidNameError("a name must not look like a path or an id")


def hash_identity(external_id: str) -> str:
    """What an erased identity leaves behind."""
    return hashlib.sha256(external_id.encode()).hexdigest()


def _account(row: dict[str, Any]) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        kind=AccountKind(row["kind"]),
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
        frontend_id=row["frontend_id"],
        external_id=row["external_id"],
        display_name=row["display_name"],
        identity_rules=_identity_rules(row),
    )


def _identity_rules(row: dict[str, Any]) -> IdentityRules | None:
    if row["jwt_secret"] is None and row["trust_headers"] is None:
        return None
    return IdentityRules(row["jwt_secret"], bool(row["trust_headers"]))
