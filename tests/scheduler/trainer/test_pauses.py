from hypothesis import given
from hypothesis import strategies as st

from scheduler.trainer.pauses import MIN_SHARE, TURN, Pauses

Moments = list[tuple[float, bool]]
"""How long each lasts, in seconds, and whether people chat."""

MOMENTS = st.lists(st.tuples(st.floats(0.01, 1.0), st.booleans()), max_size=400)


def worked(moments: Moments) -> float:
    """For how many seconds training works, if it obeys."""
    pauses, is_paused, total = Pauses(), False, 0.0
    for seconds, is_busy in moments:
        total += 0.0 if is_paused else seconds
        is_paused = pauses.must_pause(seconds, has_worked=not is_paused, is_busy=is_busy)
    return total


@given(MOMENTS)
def test_training_has_its_share_however_people_chat(moments: Moments) -> None:
    elapsed = sum(seconds for seconds, _ in moments)
    assert worked(moments) >= MIN_SHARE * elapsed - TURN - 1.0


def test_on_a_server_that_is_never_idle_it_has_no_more_than_that() -> None:
    hour = [(0.02, True)] * (3600 * 50)
    assert abs(worked(hour) / 3600 - MIN_SHARE) < 0.01


@given(MOMENTS)
def test_it_does_not_pause_while_nobody_chats(moments: Moments) -> None:
    pauses = Pauses()
    for seconds, _ in moments:
        assert not pauses.must_pause(seconds, has_worked=True, is_busy=False)


def test_it_pauses_at_once_and_for_a_while() -> None:
    pauses = Pauses()
    assert pauses.must_pause(0.02, has_worked=True, is_busy=True)
    assert all(
        pauses.must_pause(0.02, has_worked=False, is_busy=True)
        for _ in range(int(0.9 * TURN / MIN_SHARE / 0.02))
    )
