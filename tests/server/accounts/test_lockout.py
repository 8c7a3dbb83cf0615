import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.lockout import FORGOTTEN_AFTER, LONGEST_SECONDS, MAX_PEERS, Lockout, peer_of


def test_a_peer_may_be_wrong_a_few_times() -> None:
    lockout = Lockout(3)
    assert [lockout.note_wrong("a", 1.0) for _ in range(3)] == [False, False, True]
    assert lockout.seconds_left("a", 1.0) == 1.0
    assert lockout.seconds_left("b", 1.0) == 0.0


def test_each_lock_out_is_twice_as_long_and_none_is_very_long() -> None:
    lockout, now, waits = Lockout(1), 0.0, []
    for _ in range(9):
        lockout.note_wrong("a", now)
        waits.append(lockout.seconds_left("a", now))
        now += waits[-1]
        assert lockout.seconds_left("a", now) == 0.0
    assert waits == [1, 2, 4, 8, 16, 32, *[LONGEST_SECONDS] * 3]


def test_keys_that_came_at_the_same_time_do_not_lengthen_the_lock_out() -> None:
    lockout = Lockout(1)
    for _ in range(50):
        lockout.note_wrong("a", 1.0)
    assert lockout.seconds_left("a", 1.0) == 1.0


def test_a_peer_that_was_not_wrong_for_long_is_forgotten() -> None:
    lockout = Lockout(2)
    lockout.note_wrong("a", 0.0)
    assert not lockout.note_wrong("a", FORGOTTEN_AFTER + 1)


def test_a_peer_that_goes_on_being_wrong_is_announced_once() -> None:
    lockout = Lockout(2)
    announced = [lockout.note_wrong("a", 100.0 * number) for number in range(60)]
    assert announced.count(True) == 1


def test_the_number_of_peers_is_bounded() -> None:
    lockout = Lockout(1)
    for number in range(MAX_PEERS + 1):
        lockout.note_wrong(f"peer {number}", 0.0)
    assert lockout.seconds_left("peer 0", 0.0) == 0.0
    assert lockout.seconds_left(f"peer {MAX_PEERS}", 0.0) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("unknown", "unknown", True),
    ],
)
def test_one_peer_is_an_address_or_the_network_of_an_ipv6_address(
    one: str, other: str, are_one: bool
) -> None:
    assert (peer_of(one) == peer_of(other)) == are_one


@given(st.text())
def test_any_text_names_a_short_peer(address: str) -> None:
    assert len(peer_of(address)) <= 64
