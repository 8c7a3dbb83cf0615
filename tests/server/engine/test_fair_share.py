"""Who is served next, and whose row goes to whom."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from server.engine.scheduling import (
    LONGEST_TURN,
    FairShare,
    row_share,
    row_to_give_up,
    rows_within_share,
)

users = st.lists(st.sampled_from("abcd"), max_size=8)


def test_the_least_served_user_comes_first() -> None:
    shares = FairShare()
    shares.charge("a", 10)
    shares.charge("b", 3)
    assert shares.first(["a", "b"]) == "b"


def test_of_equals_the_earliest_comes_first() -> None:
    assert FairShare().first(["b", "a", "b"]) == "b"


def test_idle_time_earns_no_credit() -> None:
    shares = FairShare()
    shares.charge("busy", 1000)
    shares.join("newcomer", {"busy"})
    shares.charge("newcomer", 1)
    assert shares.first(["newcomer", "busy"]) == "busy"


@given(served=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 50)), max_size=30))
def test_two_users_who_always_wait_stay_within_one_request_of_each_other(
    served: list[tuple[str, int]],
) -> None:
    shares = FairShare()
    totals = dict.fromkeys("ab", 0)
    largest = max((tokens for _, tokens in served), default=0)
    for _, tokens in served:
        user = shares.first("ab")
        shares.charge(user, tokens)
        totals[user] += tokens
    assert abs(totals["a"] - totals["b"]) <= largest


@given(waiting=users)
def test_forgotten_users_start_again(waiting: list[str]) -> None:
    shares = FairShare()
    for user in "abcd":
        shares.charge(user, 5)
    shares.forget_all_but(waiting)
    forgotten = [user for user in "abcd" if user not in waiting]
    if forgotten and waiting:
        assert shares.first([waiting[0], forgotten[0]]) == forgotten[0]


def test_a_newcomer_gets_the_newest_row_of_the_user_who_holds_most() -> None:
    share = row_share(4, users=3)
    assert row_to_give_up("aaab", [9, 5, 7, 1], user="c", share=share) == 1


def test_a_user_with_a_share_takes_nothing() -> None:
    assert row_to_give_up("aaab", [99, 99, 99, 99], user="b", share=1) is None


def test_more_users_than_rows_take_turns() -> None:
    assert row_to_give_up("ab", [LONGEST_TURN - 1, 3], user="c", share=1) is None
    assert row_to_give_up("ab", [3, LONGEST_TURN], user="c", share=1) == 1


@given(
    holders=st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), user=st.sampled_from("abcde")
)
def test_moved_rows_bring_users_nearer_to_equal(holders: list[str], user: str) -> None:
    share = row_share(len(holders), len({*holders, user}))
    row = row_to_give_up(holders, [0] * len(holders), user=user, share=share)
    if row is None:
        assert Counter(holders)[user] >= share or max(Counter(holders).values()) <= share
    else:
        assert Counter(holders)[holders[row]] > share > Counter(holders)[user]


def test_rows_beyond_a_share_are_not_waited_for() -> None:
    assert rows_within_share("aaabbc", 2) == 3
    assert rows_within_share("aaa", 2) == 0
