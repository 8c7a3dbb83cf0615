"""Threads that call functions at set times. The only file that knows APScheduler."""

import logging
import math
import threading
from collections.abc import Callable
from datetime import datetime

from apscheduler.triggers.cron import CronTrigger

_POLL = 30.0

_log = logging.getLogger(__name__)


class CronAlarm:
    """Tells whether a time of a cron line has come, in UTC seconds.

    If the clock is set back, the next time is found anew: the old one may be days away.
    """

    def __init__(self, line: str, now: float) -> None:
        """Raises `ValueError` if the line is invalid."""
        self._trigger = CronTrigger.from_crontab(line)
        self._arm(now)

    def has_rung(self, now: float) -> bool:
        """Whether a time has come since the last call; several count as one."""
        has_come = now >= self._next
        if has_come or now < self._armed_at:
            self._arm(now)
        return has_come

    def _arm(self, now: float) -> None:
        moment = datetime.fromtimestamp(now, self._trigger.timezone)
        following = self._trigger.get_next_fire_time(moment, moment)
        self._next = math.inf if following is None else following.timestamp()
        self._armed_at = now


class Timer:
    """Calls functions at an interval or at the times of a cron line, each on its own thread.

    A late call still happens, missed ones happen once, and a failed one is logged. `clock` gives
    UTC seconds; only cron lines ask it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._threads: list[threading.Thread] = []
        self._is_stopping = threading.Event()

    def every(self, seconds: float, act: Callable[[], object]) -> None:
        """Call `act` whenever so much time has passed, whatever the clock says."""
        self._threads.append(
            threading.Thread(target=self._repeat, args=(seconds, act), name="timer", daemon=True)
        )

    def at(self, line: str, act: Callable[[], object]) -> None:
        """Call `act` at the times of a cron line. Raises `ValueError` if the line is invalid."""
        alarm = CronAlarm(line, self._clock())
        self.every(_POLL, lambda: alarm.has_rung(self._clock()) and act())

    def start(self) -> None:
        """Begin to count."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads, after the calls that are going on."""
        self._is_stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _repeat(self, seconds: float, act: Callable[[], object]) -> None:
        while not self._is_stopping.wait(seconds):
            try:
                act()
            except Exception:
                _log.exception("a scheduled call failed; the next one comes at its time")
