"""Whether a server may be asked, and when to look again if not. Pure."""

from dataclasses import dataclass

LONGEST_PAUSE = 30.0
MOST_TIMEOUTS = 3


@dataclass(slots=True)
class Health:
    """One server's health. Times are in seconds of the monotonic clock.

    A server is left out from the first failed connection, or after `MOST_TIMEOUTS` checks without
    an answer in time: a busy one may be slow. Then it is checked at growing intervals.
    """

    is_up: bool = False
    failures: int = 0
    timeouts: int = 0
    next_check: float = 0.0

    def note_failure(self, now: float) -> None:
        """It is left out: 1 s, 2 s, 4 s …, at most `LONGEST_PAUSE`."""
        self.is_up = False
        self.next_check = now + min(LONGEST_PAUSE, 2.0 ** min(self.failures, 8))
        self.failures += 1

    def note_timeout(self) -> bool:
        """It did not answer a check in time; whether that was once too often."""
        self.timeouts += 1
        return self.timeouts >= MOST_TIMEOUTS

    def note_success(self) -> None:
        """It answered."""
        self.is_up = True
        self.failures = self.timeouts = 0
