"""Calls at an interval and at the times of a cron line, whatever happens to the clock."""

import threading
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import timer
from scheduler.timer import CronAlarm, Timer

AT_THREE = "0 3 * * *"
HOUR, DAY = 3600.0, 86400.0


def local(hour: float, day: int = 10) -> float:
    """The UTC seconds of an hour of a day in June, in this machine's time zone."""
    return datetime(2026, 6, day).timestamp() + hour * HOUR


def test_an_alarm_rings_once_at_its_time() -> None:
    alarm = CronAlarm(AT_THREE, local(1))
    asked = [local(2.99), local(3), local(3.01), local(2.99, 11), local(3.2, 11)]
    assert [alarm.has_rung(now) for now in asked] == [False, True, False, False, True]


def test_times_that_were_missed_ring_once() -> None:
    alarm = CronAlarm(AT_THREE, local(1))
    assert alarm.has_rung(local(5, 15))
    assert not alarm.has_rung(local(6, 15))


def test_an_alarm_made_at_its_time_waits_for_the_next_one() -> None:
    assert not CronAlarm(AT_THREE, local(3)).has_rung(local(3))


def test_a_clock_that_is_set_back_does_not_delay_an_alarm() -> None:
    alarm = CronAlarm(AT_THREE, local(4, 12))
    assert not alarm.has_rung(local(2, 10))
    assert alarm.has_rung(local(3, 10))


def test_after_a_clock_was_ahead_an_alarm_rings_in_the_next_night() -> None:
    alarm = CronAlarm(AT_THREE, local(1))
    assert alarm.has_rung(local(5, 20))
    assert not alarm.has_rung(local(2, 11))
    assert alarm.has_rung(local(3, 11))


@given(st.lists(st.floats(-30 * DAY, 30 * DAY), max_size=8))
def test_an_alarm_rings_within_a_day_after_any_jumps(jumps: list[float]) -> None:
    alarm, now = CronAlarm(AT_THREE, local(1)), local(1)
    for jump in jumps:
        now += jump
        alarm.has_rung(now)
    assert any(alarm.has_rung(now + hour * HOUR) for hour in range(27))


def test_a_time_that_never_comes_never_rings() -> None:
    assert not CronAlarm("0 3 30 2 *", local(1)).has_rung(local(1) + 5000 * DAY)


def test_an_invalid_line_is_refused() -> None:
    with pytest.raises(ValueError):
        Timer(lambda: 0.0).at("at three", lambda: None)


def test_a_timer_repeats_calls_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    calls = iter(range(3))
    is_over = threading.Event()

    def act() -> None:
        if next(calls) == 2:
            is_over.set()
        raise OSError("not now")

    clock = Timer(lambda: 0.0)
    clock.every(0.001, act)
    clock.start()
    assert is_over.wait(20)
    clock.stop()
    assert "a scheduled call failed" in caplog.text


def test_a_timer_calls_at_the_times_of_a_cron_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "_POLL", 0.001)
    now, is_called = local(1), threading.Event()
    clock = Timer(lambda: now)
    clock.at(AT_THREE, is_called.set)
    clock.start()
    now = local(3)
    assert is_called.wait(20)
    clock.stop()


def test_a_timer_that_never_started_can_stop() -> None:
    clock = Timer(lambda: 0.0)
    clock.every(1.0, lambda: None)
    clock.stop()
