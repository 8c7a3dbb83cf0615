"""Versions are numbered without gaps, and the pointer moves only by compare-and-set."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from adapters_store.errors import AdapterConflictError, AdapterNotFoundError
from adapters_store.records import Promotion
from adapters_store.registry import Registry
from server.database import SharedDatabase
from tests.adapters_store.make import make_version


@pytest.fixture
def database() -> Iterator[Database]:
    with Database(memory=True) as database:
        database.execute("PRAGMA foreign_keys = ON")
        yield database


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database)


def register(registry: Registry, *numbers: int, user_id: str = "ann") -> None:
    for number in numbers:
        registry.register(make_version(user_id, number))


def promote(
    registry: Registry, number: int | None, *, expected: int | None, user_id: str = "ann"
) -> Promotion:
    return registry.promote(
        user_id, number, expected=expected, by="admin", at=2000.0, reason="better"
    )


def roll_back(registry: Registry, user_id: str = "ann") -> Promotion:
    return registry.roll_back(user_id, by="admin", at=3000.0, reason="worse")


def active_number(registry: Registry, user_id: str = "ann") -> int | None:
    version = registry.active(user_id)
    return None if version is None else version.number


def test_a_version_comes_back_as_it_was_registered(registry: Registry) -> None:
    version = make_version()
    registry.register(version)
    assert registry.version("ann", 1) == version


def test_a_version_without_a_run_comes_back_as_it_was_registered(registry: Registry) -> None:
    version = make_version(
        parent=None, run_id=None, dataset_hash=None, seed=None, example_ids=(), report={}
    )
    registry.register(version)
    assert registry.version("ann", 1) == version


def test_numbers_count_from_one_for_each_user(registry: Registry) -> None:
    register(registry, 1, 2)
    assert (registry.next_number("ann"), registry.next_number("bob")) == (3, 1)


@pytest.mark.parametrize("number", [1, 3])
def test_a_number_that_is_not_the_next_is_refused(registry: Registry, number: int) -> None:
    register(registry, 1)
    with pytest.raises(AdapterConflictError) as caught:
        registry.register(make_version(number=number, folder="f" * 32))
    assert (caught.value.expected, caught.value.actual) == (number, 2)


def test_a_report_with_nan_is_refused_and_nothing_is_stored(registry: Registry) -> None:
    with pytest.raises(ValueError, match="JSON"):
        registry.register(make_version(report={"loss": float("nan")}))
    assert registry.versions("ann") == []


def test_versions_are_listed_newest_first(registry: Registry) -> None:
    register(registry, 1, 2, 3)
    assert [version.number for version in registry.versions("ann")] == [3, 2, 1]


def test_another_users_version_is_not_found(registry: Registry) -> None:
    register(registry, 1)
    with pytest.raises(AdapterNotFoundError):
        registry.version("bob", 1)


def test_a_registered_version_is_not_in_use(registry: Registry) -> None:
    register(registry, 1)
    assert registry.active("ann") is None


def test_a_promoted_version_is_in_use(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    assert registry.active("ann") == make_version()


def test_promoting_one_user_leaves_the_others(registry: Registry) -> None:
    register(registry, 1)
    register(registry, 1, user_id="bob")
    promote(registry, 1, expected=None)
    assert registry.active("bob") is None


def test_the_base_can_be_put_to_use_again(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    promote(registry, None, expected=1)
    assert registry.active("ann") is None


def test_a_stale_expectation_is_refused_and_nothing_moves(registry: Registry) -> None:
    register(registry, 1, 2, 3)
    promote(registry, 2, expected=None)
    with pytest.raises(AdapterConflictError, match="v2 is in use, not v1") as caught:
        promote(registry, 3, expected=1)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert active_number(registry) == 2
    assert len(registry.promotions("ann")) == 1


def test_what_is_in_use_cannot_be_promoted(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    with pytest.raises(AdapterConflictError, match="already"):
        promote(registry, 1, expected=1)


def test_the_base_cannot_be_promoted_over_itself(registry: Registry) -> None:
    with pytest.raises(AdapterConflictError, match="already"):
        promote(registry, None, expected=None)


def test_an_unknown_version_cannot_be_promoted(registry: Registry) -> None:
    with pytest.raises(AdapterNotFoundError):
        promote(registry, 1, expected=None)


def test_another_users_version_cannot_be_promoted(registry: Registry) -> None:
    register(registry, 1)
    with pytest.raises(AdapterNotFoundError):
        promote(registry, 1, expected=None, user_id="bob")


def test_every_move_is_remembered_newest_first(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    roll_back(registry)
    assert registry.promotions("ann") == [
        Promotion("ann", 1, None, "admin", 3000.0, "worse"),
        Promotion("ann", None, 1, "admin", 2000.0, "better"),
    ]


def test_rolling_back_again_goes_further_back(registry: Registry) -> None:
    register(registry, 1, 2)
    promote(registry, 1, expected=None)
    promote(registry, 2, expected=1)
    assert roll_back(registry).to_number == 1
    assert roll_back(registry).to_number is None
    assert registry.active("ann") is None


def test_there_is_nothing_to_roll_back_at_the_start(registry: Registry) -> None:
    with pytest.raises(AdapterNotFoundError, match="no promotion"):
        roll_back(registry)


def test_there_is_nothing_to_roll_back_when_all_is_undone(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    roll_back(registry)
    with pytest.raises(AdapterNotFoundError):
        roll_back(registry)


def test_rolling_back_ignores_others_promotions(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    with pytest.raises(AdapterNotFoundError):
        roll_back(registry, "bob")


@given(st.lists(st.sampled_from([None, 1, 2, 3, "roll back"]), max_size=30))
def test_rollbacks_undo_promotions_like_a_stack(moves: list[int | str | None]) -> None:
    with Database(memory=True) as database:
        registry = Registry(database)
        register(registry, 1, 2, 3)
        stack: list[int | None] = [None]
        for move in moves:
            if move == "roll back" and len(stack) > 1:
                roll_back(registry)
                stack.pop()
            elif not isinstance(move, str) and move != stack[-1]:
                promote(registry, move, expected=stack[-1])
                stack.append(move)
            assert active_number(registry) == stack[-1]


def test_nobody_is_frozen_at_first(registry: Registry) -> None:
    assert not registry.is_frozen("ann")


def test_freezing_can_be_undone(registry: Registry) -> None:
    registry.set_frozen("ann", True, by="admin", at=1.0)
    assert registry.is_frozen("ann")
    registry.set_frozen("ann", False, by="admin", at=2.0)
    assert not registry.is_frozen("ann")


def test_freezing_leaves_the_version_in_use(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, expected=None)
    registry.set_frozen("ann", True, by="admin", at=1.0)
    assert active_number(registry) == 1


def test_versions_in_use_are_found_by_their_base(registry: Registry) -> None:
    register(registry, 1, 2)
    register(registry, 1, user_id="bob")
    promote(registry, 2, expected=None)
    revision = make_version("ann").base_revision
    assert registry.in_use(revision) == {("ann", 2)}
    assert registry.in_use("another") == set()


def test_folders_are_those_of_all_users(registry: Registry) -> None:
    register(registry, 1)
    register(registry, 1, user_id="bob")
    assert registry.folders() == {make_version("ann").folder, make_version("bob").folder}


def test_erasing_returns_the_folders_and_leaves_no_row_once_it_is_finished(
    registry: Registry, database: Database
) -> None:
    register(registry, 1, 2)
    promote(registry, 1, expected=None)
    promote(registry, 2, expected=1)
    roll_back(registry)
    registry.set_frozen("ann", True, by="admin", at=1.0)
    folders = registry.erase("ann")
    assert folders == [make_version("ann", number).folder for number in (2, 1)]
    assert registry.unfinished_erasures() == {"ann": folders}
    registry.finish_erasure("ann")
    left = [
        row
        for table in database.table_names()
        if table.startswith("adapter_")
        for row in database.query(f"SELECT * FROM {table}")
    ]
    assert left == []


def test_erasing_leaves_other_users(registry: Registry) -> None:
    register(registry, 1)
    register(registry, 1, user_id="bob")
    promote(registry, 1, expected=None, user_id="bob")
    registry.erase("ann")
    assert active_number(registry, "bob") == 1


def test_erasing_an_unknown_user_does_nothing(registry: Registry) -> None:
    assert registry.erase("nobody") == []


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with SharedDatabase(tmp_path / "loralei.db") as database:
        registry = Registry(database)
        register(registry, 1, 2)
        promote(registry, 1, expected=None)
        promote(registry, 2, expected=1)
    with SharedDatabase(tmp_path / "loralei.db") as database:
        registry = Registry(database)
        assert active_number(registry) == 2
        assert roll_back(registry).to_number == 1


def test_writing_methods_can_be_part_of_a_larger_transaction(
    registry: Registry, database: Database
) -> None:
    with pytest.raises(RuntimeError, match="crash"), database.atomic():
        register(registry, 1)
        promote(registry, 1, expected=None)
        raise RuntimeError("crash")
    assert registry.versions("ann") == []
    assert registry.promotions("ann") == []


def test_a_rollback_that_expects_another_version_changes_nothing(registry: Registry) -> None:
    register(registry, 1, 2)
    promote(registry, 1, expected=None)
    promote(registry, 2, expected=1)
    with pytest.raises(AdapterConflictError, match="v2 is in use, not v1"):
        registry.roll_back("ann", by="watch", at=3000.0, reason="worse", expected=1)
    assert active_number(registry) == 2


def test_a_version_that_was_rolled_back_is_known_until_it_is_promoted_again(
    registry: Registry,
) -> None:
    register(registry, 1, 2)
    promote(registry, 1, expected=None)
    promote(registry, 2, expected=1)
    assert registry.rolled_back("ann") == []
    roll_back(registry)
    assert [version.number for version in registry.rolled_back("ann")] == [2]
    promote(registry, 2, expected=1)
    assert registry.rolled_back("ann") == []
