import pytest
from sqlite_utils import Database

from server.accounts.accounts import (
    Account,
    AccountKind,
    Accounts,
    ErasedIdentityError,
    InvalidNameError,
    LastAdminError,
    NameTakenError,
    NoFrontendError,
    UnknownAccountError,
)
from server.accounts.identity import IdentityRules
from server.accounts.keys import new_key
from server.accounts.schema import migrations

NOW = 1_800_000_000.0


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(Database(memory=True))


def make(accounts: Accounts, name: str, kind: AccountKind = AccountKind.USER) -> Account:
    return accounts.create(name, kind, NOW)[0]


def test_the_first_start_makes_an_admin_and_shows_its_key_once(accounts: Accounts) -> None:
    key = accounts.ensure_admin(None, NOW)
    assert key is not None
    admin = accounts.authenticate(key, NOW)
    assert admin is not None and admin.is_admin
    assert accounts.ensure_admin(None, NOW) is None


def test_a_preset_admin_key_works_and_is_not_shown(accounts: Accounts) -> None:
    assert accounts.ensure_admin("preset-key-0123456789", NOW) is None
    admin = accounts.authenticate("preset-key-0123456789", NOW)
    assert admin is not None and admin.is_admin


def test_another_preset_key_replaces_the_admins_key(accounts: Accounts) -> None:
    old = accounts.ensure_admin(None, NOW)
    assert old is not None
    accounts.ensure_admin("preset-key-0123456789", NOW)
    assert accounts.authenticate(old, NOW) is None
    assert accounts.authenticate("preset-key-0123456789", NOW) == accounts.first_admin()


def test_only_the_hash_of_a_key_is_stored() -> None:
    database = Database(memory=True)
    _, key = Accounts(database).create("ann", AccountKind.USER, NOW)
    stored = "".join(str(row) for row in database.query("select * from api_keys"))
    assert key not in stored and key.rpartition("-")[2] not in stored


def test_a_key_is_its_owners(accounts: Accounts) -> None:
    ann, key = accounts.create("ann", AccountKind.USER, NOW)
    accounts.create("bob", AccountKind.USER, NOW)
    found = accounts.authenticate(key, NOW)
    assert found is not None and found.id == ann.id


@pytest.mark.parametrize("token", ["", "lk-", "lk-0000000000000000-" + "a" * 43, "x" * 10_000, "é"])
def test_a_key_that_is_nobodys_is_refused(accounts: Accounts, token: str) -> None:
    make(accounts, "ann")
    assert accounts.authenticate(token, NOW) is None


def test_a_replaced_key_is_revoked_at_once(accounts: Accounts) -> None:
    ann, old = accounts.create("ann", AccountKind.USER, NOW)
    new = accounts.replace_key(ann.id, NOW)
    assert accounts.authenticate(old, NOW) is None
    assert accounts.authenticate(new, NOW) is not None


def test_names_are_unique(accounts: Accounts) -> None:
    make(accounts, "ann")
    with pytest.raises(NameTakenError):
        make(accounts, "ann")


@pytest.mark.parametrize(
    "name", ["", "x" * 65, " ann", "a/b", "a:b", "a\nb", "..", "user-1", "a?b", "a%2fb"]
)
def test_a_name_that_would_confuse_a_path_or_a_person_is_refused(
    accounts: Accounts, name: str
) -> None:
    with pytest.raises(InvalidNameError):
        make(accounts, name)


def test_an_account_is_found_by_id_and_by_name(accounts: Accounts) -> None:
    ann = make(accounts, "ann")
    assert accounts.find(ann.id) == accounts.find("ann") == ann
    with pytest.raises(UnknownAccountError):
        accounts.find("nobody")


def test_a_frontends_user_is_made_at_first_sight(accounts: Accounts) -> None:
    ui = make(accounts, "ui", AccountKind.FRONTEND)
    first = accounts.acting_user(ui, "42", NOW)
    assert first.kind is AccountKind.USER and first.name == "ui:42"
    assert accounts.acting_user(ui, "42", NOW).id == first.id
    assert [user.id for user in accounts.users_of(ui.id)] == [first.id]


def test_the_same_name_from_two_frontends_is_two_users(accounts: Accounts) -> None:
    one = make(accounts, "one", AccountKind.FRONTEND)
    two = make(accounts, "two", AccountKind.FRONTEND)
    assert accounts.acting_user(one, "42", NOW).id != accounts.acting_user(two, "42", NOW).id


def test_a_frontend_cannot_name_another_account(accounts: Accounts) -> None:
    ann = make(accounts, "ann")
    ui = make(accounts, "ui", AccountKind.FRONTEND)
    assert accounts.acting_user(ui, ann.id, NOW).id != ann.id
    assert accounts.acting_user(ui, "ann", NOW).id != ann.id


def test_a_user_that_a_frontend_never_named_is_unknown(accounts: Accounts) -> None:
    ui = make(accounts, "ui", AccountKind.FRONTEND)
    with pytest.raises(UnknownAccountError):
        accounts.known_user(ui, "42")


def test_an_erased_users_key_and_name_are_gone(accounts: Accounts) -> None:
    ann, key = accounts.create("ann", AccountKind.USER, NOW)
    accounts.erase(ann, NOW)
    assert accounts.authenticate(key, NOW) is None
    assert not accounts.exists(ann.id)
    assert make(accounts, "ann").id != ann.id


def test_an_erased_user_of_a_frontend_comes_back_by_chatting_only(accounts: Accounts) -> None:
    ui = make(accounts, "ui", AccountKind.FRONTEND)
    accounts.erase(accounts.acting_user(ui, "42", NOW), NOW)
    with pytest.raises(ErasedIdentityError):
        accounts.known_user(ui, "42")
    again = accounts.acting_user(ui, "42", NOW)
    assert accounts.known_user(ui, "42") == again


def test_an_erasure_does_not_keep_what_the_user_was_called() -> None:
    database = Database(memory=True)
    accounts = Accounts(database)
    ui = make(accounts, "ui", AccountKind.FRONTEND)
    accounts.erase(accounts.acting_user(ui, "ann@example.org", NOW, "Ann Lee"), NOW)
    tables = [name for name in database.table_names() if not name.startswith("_")]
    left = [str(row) for name in tables for row in database.query(f"select * from {name}")]
    assert not any("ann@example.org" in row or "Ann Lee" in row for row in left)


def test_the_last_admin_cannot_be_erased(accounts: Accounts) -> None:
    accounts.ensure_admin(None, NOW)
    with pytest.raises(LastAdminError):
        accounts.erase(accounts.first_admin(), NOW)
    second = make(accounts, "second", AccountKind.ADMIN)
    accounts.erase(second, NOW)


def test_when_somebody_was_seen_is_noted_at_most_once_a_minute(accounts: Accounts) -> None:
    ann, key = accounts.create("ann", AccountKind.USER, NOW)
    for after, expected in ((1, 1), (30, 1), (62, 62)):
        accounts.authenticate(key, NOW + after)
        assert accounts.find(ann.id).last_seen_at == NOW + expected


def test_the_newest_display_name_is_kept(accounts: Accounts) -> None:
    ui = make(accounts, "ui", AccountKind.FRONTEND)
    for said, kept in (("Ann", "Ann"), (None, "Ann"), ("Ann Lee", "Ann Lee")):
        accounts.acting_user(ui, "42", NOW, said)
        assert accounts.known_user(ui, "42").display_name == kept


def test_a_frontend_may_have_rules_of_its_own(accounts: Accounts) -> None:
    rules = IdentityRules(jwt_secret="s" * 32)
    ui, key = accounts.create("ui", AccountKind.FRONTEND, NOW, rules)
    seen = accounts.authenticate(key, NOW)
    assert seen is not None and seen.identity_rules == rules
    accounts.set_identity_rules(ui, IdentityRules(trust_headers=False))
    assert accounts.find(ui.id).identity_rules == IdentityRules()
    accounts.set_identity_rules(ui, None)
    assert accounts.find(ui.id).identity_rules is None


def test_a_user_has_no_identity_rules_and_is_not_made_with_them(accounts: Accounts) -> None:
    with pytest.raises(NoFrontendError):
        accounts.create("ann", AccountKind.USER, NOW, IdentityRules(trust_headers=True))
    with pytest.raises(UnknownAccountError):
        accounts.find("ann")


def test_accounts_of_an_earlier_release_keep_their_keys_and_have_no_rules() -> None:
    database = Database(memory=True)
    migrations.apply(database, stop_before="create_identity_rules")
    key = new_key()
    database.table("users").insert(
        {"id": "user-1", "name": "ui", "kind": "frontend", "created_at": NOW}
    )
    database.table("api_keys").insert(
        {"public_id": key.public_id, "user_id": "user-1", "hash": key.hash, "created_at": NOW}
    )
    ui = Accounts(database).authenticate(key.text, NOW)
    assert ui is not None and ui.identity_rules is None and ui.display_name is None
