"""Who is served next."""

from hypothesis import given
from hypothesis import strategies as st

from server.engine.scheduling import FairShare

users = st.lists(st.sampled_from("abcd"), max_size=8)


def test_the_least_served_user_comes_first() -> None:
    shares = FairShare()
    shares.charge("a", 10)
    shares.charge("b", 3)
    assert shares.first(["a", "b"]) == 1


def test_of_equals_the_earliest_comes_first() -> None:
    assert FairShare().first(["a", "b", "a"]) == 0


def test_without_waiting_users_nobody_is_first() -> None:
    assert FairShare().first([]) is None


def test_idle_time_earns_no_credit() -> None:
    shares = FairShare()
    shares.charge("busy", 1000)
    shares.join("newcomer", {"busy"})
    shares.charge("newcomer", 1)
    assert shares.first(["newcomer", "busy"]) == 1


@given(served=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 50)), max_size=30))
def test_two_users_who_always_wait_stay_within_one_request_of_each_other(
    served: list[tuple[str, int]],
) -> None:
    shares = FairShare()
    totals = dict.fromkeys("ab", 0)
    largest = max((tokens for _, tokens in served), default=0)
    for _, tokens in served:
        index = shares.first("ab")
        assert index is not None
        user = "ab"[index]
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
        assert shares.first([waiting[0], forgotten[0]]) == 1
