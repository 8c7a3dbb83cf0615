"""A server to measure, with the model of the settings and a temporary data folder."""

import os
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from adapters_store.models.resolve import resolve_model
from server.base_model.choice import or_smallest
from server.cli.demo_server import demo_server
from server.cli.views import model_progress
from server.data_folder import RunningServer
from server.settings import Settings

# A server with a schedule prepares for the next run. But only requested runs may begin: any other
# would change which feedback a version has learned from.
SELDOM = {"LORALEI_SCHEDULE__INTERVAL": str(7 * 24 * 3600), "LORALEI_SCHEDULE__NIGHTLY": ""}


@contextmanager
def benchmark_server(
    console: Console, options: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[RunningServer]:
    """Start it in a process of its own, and stop it at the end.

    `options` are `LORALEI_*` variables on top of the environment's. Its data stays in `folder`; if
    that is None, it is removed. Raises `DemoError`.
    """
    settings = Settings()
    model = or_smallest(settings.model)
    with model_progress(console) as show:
        resolve_model(model, settings.model_cache, show)
    os.environ |= {**SELDOM, **(options or {})}
    # A benchmark that is stopped stops its server too: it would disturb the next measurement.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with (
        tempfile.TemporaryDirectory() as temporary,
        demo_server(folder or Path(temporary), model, console) as server,
    ):
        yield server


def progress_bar(console: Console) -> Progress:
    """A bar with the number done and the time taken."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def files_client(url: str, admin_key: str) -> httpx.Client:
    """An admin's client for bodies that are not JSON. Use it in a `with`."""
    headers = {"authorization": f"Bearer {admin_key}"}
    return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)


def download_adapter(http: httpx.Client, user: str, folder: Path) -> None:
    """Store the first version of a user as a PEFT folder; `http` is an admin's client."""
    answer = http.get(f"/v1/admin/adapters/{user}/versions/1/download").raise_for_status()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(BytesIO(answer.content)) as bundle:
        for member in bundle.namelist():
            (folder / Path(member).name).write_bytes(bundle.read(member))
