"""One night: users give feedback in the evening, and nobody asks for training."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from server.data_folder import RunningServer
from tests.benchmarks.learning.server import benchmark_server
from tests.benchmarks.real_users.measure import Measuring
from tests.benchmarks.real_users.user import RealUser

MINUTES_UNTIL_NIGHT = 3
"""A server needs less to start."""


def measure_night(
    console: Console,
    measuring: Callable[[RunningServer], Measuring],
    users: Sequence[RealUser],
    lessons: int,
) -> None:
    """Measure users whose versions the nightly schedule trains. Finished ones are skipped.

    The server is stopped in the evening, and started again for the night.
    """
    with TemporaryDirectory() as folder:
        with (
            benchmark_server(console, folder=Path(folder)) as server,
            closing(measuring(server)) as evening,
        ):
            users = [user for user in users if evening.missing(user, lessons)]
            keys = [evening.evening(user, lessons) for user in users]
        night = {"LORALEI_SCHEDULE__NIGHTLY": nightly_at(datetime.now())}
        with (
            benchmark_server(console, night, Path(folder)) as server,
            closing(measuring(server)) as morning,
        ):
            for user, key in zip(users, keys, strict=True):
                morning.morning(user, lessons, key)


def nightly_at(now: datetime) -> str:
    """The cron line of a night that begins soon after a local time."""
    begin = now + timedelta(minutes=MINUTES_UNTIL_NIGHT)
    return f"{begin.minute} {begin.hour} * * *"
