"""A withdrawn or deleted version is never in use, and nothing leads back to it."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from adapters_store.errors import (
    AdapterConflictError,
    AdapterNotFoundError,
    AdapterWithdrawnError,
)
from adapters_store.records import Promotion
from adapters_store.registry import Registry
from tests.adapters_store.make import make_version

AT = 5000.0


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Database(memory=True) as database:
        database.execute("PRAGMA foreign_keys = ON")
        yield Registry(database)


def learn(registry: Registry, number: int, *example_ids: str, user_id: str = "ann") -> None:
    """Register a version that learned these examples, whose parent is the one before."""
    version = make_version(user_id, number, example_ids=example_ids, parent=number - 1 or None)
    registry.register(version)


def use(registry: Registry, number: int, user_id: str = "ann") -> None:
    expected = in_use(registry, user_id)
    registry.promote(user_id, number, expected=expected, by="admin", at=1.0, reason="better")


def in_use(registry: Registry, user_id: str = "ann") -> int | None:
    version = registry.active(user_id)
    return None if version is None else version.number


def roll_back(registry: Registry) -> int | None:
    return registry.roll_back("ann", by="admin", at=2.0, reason="worse").to_number


@pytest.fixture
def three(registry: Registry) -> Registry:
    """v1 learned a, v2 learned a and b, v3 learned all; each was in use, and v3 is."""
    for number, names in ((1, "a"), (2, "ab"), (3, "abc")):
        learn(registry, number, *names)
        use(registry, number)
    return registry


def test_versions_that_learned_a_withdrawn_example_are_marked(three: Registry) -> None:
    three.withdraw("ann", {"b", "x"}, AT)
    marked = {each.number: each.withdrawn_at for each in three.versions("ann")}
    assert marked == {1: None, 2: AT, 3: AT}


def test_a_later_withdrawal_leaves_the_time_of_the_first(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    three.withdraw("ann", {"a"}, AT + 1)
    assert {each.withdrawn_at for each in three.versions("ann")} == {AT, AT + 1}
    assert three.version("ann", 3).withdrawn_at == AT


def test_a_withdrawal_of_what_no_version_learned_changes_nothing(three: Registry) -> None:
    before = three.promotions("ann")
    three.withdraw("ann", {"x"}, AT)
    assert (in_use(three), three.promotions("ann")) == (3, before)


def test_another_users_version_with_an_equal_example_stays(registry: Registry) -> None:
    for user_id in ("ann", "bob"):
        learn(registry, 1, "a", user_id=user_id)
        use(registry, 1, user_id)
    registry.withdraw("ann", {"a"}, AT)
    assert (in_use(registry), in_use(registry, "bob")) == (None, 1)


def test_the_base_takes_the_place_of_a_withdrawn_version(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    assert in_use(three) is None
    reason = "v3 learned from feedback that was deleted or changed"
    assert three.promotions("ann")[0] == Promotion("ann", 3, None, "withdrawal", AT, reason)


def test_a_frozen_version_is_taken_out_of_use_too(three: Registry) -> None:
    three.set_frozen("ann", True, by="admin", at=1.0)
    three.withdraw("ann", {"c"}, AT)
    assert in_use(three) is None


def test_what_was_taken_out_of_use_is_known_until_something_is_in_use(three: Registry) -> None:
    assert three.taken_out_of_use("ann") is None
    three.withdraw("ann", {"c"}, AT)
    withdrawn = three.taken_out_of_use("ann")
    assert withdrawn is not None and withdrawn.label == "v3"
    use(three, 2)
    assert three.taken_out_of_use("ann") is None


def test_a_withdrawn_version_can_be_looked_at_but_not_served(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    assert three.version("ann", 3).label == "v3"
    with pytest.raises(AdapterWithdrawnError, match="v3 learned from feedback that was deleted"):
        three.servable("ann", 3)


def test_a_withdrawn_version_cannot_be_promoted(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    with pytest.raises(AdapterWithdrawnError):
        three.promote("ann", 3, expected=None, by="admin", at=6.0, reason="")


def test_a_rollback_skips_withdrawn_versions_and_says_so(three: Registry) -> None:
    learn(three, 4)
    use(three, 4)
    three.withdraw("ann", {"b"}, AT)
    move = three.roll_back("ann", by="watch", at=6.0, reason="worse", expected=4)
    assert (move.from_number, move.to_number) == (4, 1)
    assert move.reason == "worse; skipped v3, v2: withdrawn or deleted"
    assert roll_back(three) is None


def test_a_rollback_after_a_withdrawal_goes_to_the_newest_version_left(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    assert roll_back(three) == 2


def test_a_rollback_with_only_withdrawn_versions_is_refused_with_a_reason(three: Registry) -> None:
    three.withdraw("ann", {"a"}, AT)
    with pytest.raises(AdapterNotFoundError, match="no promotion to roll back: skipped v3, v2, v1"):
        roll_back(three)


def test_a_withdrawn_version_counts_as_no_rolled_back_one(three: Registry) -> None:
    roll_back(three)
    assert [each.number for each in three.rolled_back("ann")] == [3]
    three.withdraw("ann", {"c"}, AT)
    assert three.rolled_back("ann") == []


def test_a_damaged_versions_ancestor_is_one_that_may_answer(three: Registry) -> None:
    learn(three, 4)
    three.withdraw("ann", {"c"}, AT)
    three.delete("ann", 2, AT)
    ancestor = three.servable_ancestor(three.version("ann", 4))
    assert ancestor is not None and ancestor.number == 1
    assert three.servable_ancestor(ancestor) is None


def test_a_deleted_version_is_not_found_and_its_number_is_not_used_again(three: Registry) -> None:
    learn(three, 4)
    assert three.delete("ann", 4, AT).label == "v4"
    with pytest.raises(AdapterNotFoundError, match="v4 was deleted"):
        three.version("ann", 4)
    assert [each.number for each in three.versions("ann")] == [3, 2, 1]
    assert three.next_number("ann") == 5


def test_the_version_in_use_cannot_be_deleted(three: Registry) -> None:
    with pytest.raises(AdapterConflictError, match="v3 is in use"):
        three.delete("ann", 3, AT)
    assert in_use(three) == 3


def test_a_rollback_skips_deleted_versions(three: Registry) -> None:
    three.delete("ann", 2, AT)
    assert roll_back(three) == 1


def test_the_newest_versions_and_the_one_in_use_are_kept(three: Registry) -> None:
    for number in (4, 5):
        learn(three, number)
    three.prune(1, AT)
    assert [each.number for each in three.versions("ann")] == [5, 3]


def test_each_user_keeps_as_many_versions(three: Registry) -> None:
    learn(three, 1, user_id="bob")
    three.prune(2, AT)
    assert [each.number for each in three.versions("ann")] == [3, 2]
    assert [each.number for each in three.versions("bob")] == [1]


def test_withdrawn_versions_take_no_place_of_those_that_may_answer(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    three.prune(2, AT)
    assert [each.number for each in three.versions("ann")] == [3, 2, 1]


def test_folders_of_withdrawn_and_deleted_versions_are_unused(three: Registry) -> None:
    three.withdraw("ann", {"c"}, AT)
    three.delete("ann", 2, AT)
    one, two, three_ = (make_version("ann", number).folder for number in (1, 2, 3))
    assert (three.folders(), three.unused_folders()) == ({one}, {two, three_})


def test_erasing_names_the_folders_of_deleted_versions_too(three: Registry) -> None:
    three.delete("ann", 2, AT)
    assert three.erase("ann") == [make_version("ann", number).folder for number in (3, 2, 1)]


MOVES = st.lists(
    st.tuples(st.sampled_from(["promote", "roll back", "withdraw", "delete"]), st.integers(0, 3)),
    max_size=25,
)


@given(MOVES)
def test_no_order_of_moves_puts_a_withdrawn_or_deleted_version_in_use(
    moves: list[tuple[str, int]],
) -> None:
    with Database(memory=True) as database:
        registry = Registry(database)
        for number in (1, 2, 3):
            learn(registry, number, f"e{number}")
        for act, number in moves:
            try:
                if act == "promote":
                    target = number or None
                    registry.promote(
                        "ann", target, expected=in_use(registry), by="x", at=1.0, reason=""
                    )
                elif act == "roll back":
                    before = in_use(registry)
                    assert roll_back(registry) != before
                elif act == "withdraw":
                    registry.withdraw("ann", {f"e{number}"}, AT)
                elif number:
                    registry.delete("ann", number, AT)
            except (AdapterNotFoundError, AdapterConflictError):
                continue
            active = registry.active("ann")
            assert active is None or active in registry.versions("ann")
            assert active is None or active.withdrawn_at is None


@given(MOVES)
def test_rolling_back_again_and_again_ends_at_the_base(moves: list[tuple[str, int]]) -> None:
    with Database(memory=True) as database:
        registry = Registry(database)
        for number in (1, 2, 3):
            learn(registry, number, f"e{number}")
        for act, number in moves:
            if act == "promote" and number and number != in_use(registry):
                if registry.version("ann", number).withdrawn_at is None:
                    use(registry, number)
            elif act == "withdraw":
                registry.withdraw("ann", {f"e{number}"}, AT)
        for _ in range(len(moves) + 1):
            try:
                roll_back(registry)
            except AdapterNotFoundError:
                break
        assert in_use(registry) is None
