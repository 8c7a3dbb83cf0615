from collections.abc import Iterator
from pathlib import Path

import pytest

from server.accounts.accounts import Accounts
from server.accounts.moves import ArchiveError, Moves
from server.data_folder import DataFolder
from server.stores import Stores, open_stores
from server.user_data.moving.tables import (
    NOT_MOVED,
    TABLES,
    Rows,
    digest_of,
    read_rows,
    write_rows,
)
from tests.feedback.make import make_feedback, make_interaction


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    folder = DataFolder(tmp_path / "data")
    stores = open_stores(folder)
    Accounts(stores.database)
    Moves(stores.database)
    yield stores
    stores.database.close()
    folder.release()


def test_every_table_with_a_users_rows_is_moved_or_named_as_staying(stores: Stores) -> None:
    found = stores.database.query(
        "select t.name from sqlite_master as t join pragma_table_info(t.name) as c"
        " where t.type = 'table' and c.name = 'user_id'"
    )
    named = {table.name for table in TABLES}
    assert {row["name"] for row in found} == named | NOT_MOVED


def rows_of(stores: Stores, user: str = "ann") -> Rows:
    stores.log.store(make_interaction(f"chatcmpl-{user}", user))
    stores.log.add_feedback(make_feedback(user_id=user, target=f"chatcmpl-{user}", value=1))
    return read_rows(stores.database, user)


def test_rows_that_are_written_again_have_the_same_digest(stores: Stores) -> None:
    rows_of(stores, "bob")  # whose audit comes first
    rows = rows_of(stores)
    with stores.database.atomic():
        write_rows(stores.database, "ann", rows)
    again = read_rows(stores.database, "ann")
    assert again == rows
    assert digest_of(again) == digest_of(rows)
    assert stores.unseen.of("ann").items == 1


@pytest.mark.parametrize(
    ("table", "changes", "why"),
    [
        ("feedback", {"user_id": "bob"}, "another user's"),
        ("feedback", {"new_column": 1}, "another release"),
        ("unseen_feedback", {"newest": 2}, "not there"),
    ],
)
def test_rows_of_others_or_of_other_releases_are_refused(
    stores: Stores, table: str, changes: dict[str, object], why: str
) -> None:
    rows = dict(rows_of(stores))
    rows[table] = [{**rows[table][0], **changes}]
    with pytest.raises(ArchiveError, match=why), stores.database.atomic():
        write_rows(stores.database, "ann", rows)
    assert digest_of(read_rows(stores.database, "ann")) != digest_of(rows)
