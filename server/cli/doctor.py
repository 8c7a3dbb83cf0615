"""`loralei doctor`: what this machine has, what is missing, and what to do about it.

The checks are pure: `examine` looks at the machine, and passes in what it finds.
"""

import importlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters_store.errors import ModelFetchError
from adapters_store.models.built_in import BUILT_IN
from adapters_store.models.resolve import check_files
from server import stores
from server.base_model.advice import SLOW, Measured, advise, better_model, describe
from server.base_model.choice import Choice
from server.base_model.last_start import read
from server.base_model.machine_memory import available_memory
from server.base_model.prepare import current_choice, has_adapters
from server.cli.serve import why_port_is_taken
from server.data_folder import PROBES_FOLDER, DataFolderError, find_server
from server.settings import Settings
from server.stores import DAMAGED_ADAPTER

SUPPORTED_PYTHON = ((3, 11), (3, 14))
SUPPORTED_TORCH = ((2, 11), (2, 14))
LITTLE_DISK_BYTES = 2_000_000_000
TOO_LITTLE_DISK_BYTES = 200_000_000


class Status(StrEnum):
    """With a `WARNING` it works, but at a risk or slowly; with something `MISSING` it does not."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One checked item: what was found, and what to do if it is not fine."""

    name: str
    status: Status
    found: str
    advice: str = ""


Version = tuple[int, ...]


def check_python(version: Version) -> Check:
    """Whether Loralei is tested with this Python."""
    found = ".".join(map(str, version))
    first, end = SUPPORTED_PYTHON
    if first <= version < end:
        return Check("Python", Status.OK, found)
    advice = "install Python 3.11, 3.12 or 3.13, delete .venv, and run make again"
    return Check("Python", Status.MISSING, found, advice)


def check_torch(version: str | None) -> Check:
    """Whether PyTorch can be imported and is in the tested range."""
    if version is None:
        return Check("PyTorch", Status.MISSING, "cannot be imported", "run make setup")
    first, end = SUPPORTED_TORCH
    if first <= _parsed(version) < end:
        return Check("PyTorch", Status.OK, version)
    advice = "tested with 2.11 to 2.13: run make setup"
    return Check("PyTorch", Status.WARNING, version, advice)


def check_gpu(names: Sequence[str], has_driver: bool) -> Check:
    """Which GPUs PyTorch can use; `has_driver` says whether NVIDIA's tools are installed."""
    if names:
        return Check("GPU", Status.OK, ", ".join(names))
    if has_driver:
        advice = "this PyTorch is built without CUDA: delete .venv and run make again"
        return Check("GPU", Status.WARNING, "there is one, but PyTorch cannot use it", advice)
    return Check("GPU", Status.OK, "none; the CPU is used, which suits small models")


def check_sqlite(version: str) -> Check:
    """Whether SQLite can lose commits in WAL mode (https://sqlite.org/wal.html#walresetbug)."""
    if has_wal_reset_bug(_parsed(version)):
        advice = "a rare bug can lose data: pip install pysqlite3, or upgrade SQLite to 3.51.3"
        return Check("SQLite", Status.WARNING, version, advice)
    return Check("SQLite", Status.OK, version)


def has_wal_reset_bug(version: Version) -> bool:
    """Whether a SQLite version has the WAL-reset bug: 3.7.0 to 3.51.2, less two back-ports."""
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version < (3, 51, 3)


def check_model(choice: Choice, is_there: bool) -> Check:
    """Whether the base model is there or can be fetched at the next start."""
    if is_there:
        return Check("Base model", Status.OK, choice.model)
    if choice.model.startswith(("/", ".", "~")):
        advice = "there is no such folder or file: check the setting model"
        return Check("Base model", Status.MISSING, choice.model, advice)
    built_in = BUILT_IN.get(choice.model)
    size = f" ({built_in.download_bytes / 1e6:.0f} MB)" if built_in else ""
    return Check("Base model", Status.OK, f"{choice.model}, fetched at the next start{size}")


def check_choice(problem: str) -> Check:
    """That the base model of the data folder is unknown."""
    return Check("Base model", Status.MISSING, "unknown", problem)


def check_model_files(choice: Choice, problem: str) -> Check:
    """That the files of the base model are damaged."""
    return Check("Base model", Status.MISSING, choice.model, problem)


def check_memory(model: str, available_bytes: int, is_running: bool) -> Check:
    """Whether the memory that is free suffices for the base model, if that is a built-in one."""
    found = f"{available_bytes / 1e9:.1f} GB free"
    built_in = BUILT_IN.get(model)
    if is_running or built_in is None or available_bytes >= built_in.memory_bytes:
        return Check("Memory", Status.OK, found)
    needs = f"{model} needs {built_in.memory_bytes / 1e9:.1f} GB"
    return Check("Memory", Status.WARNING, found, f"{needs}: free some, or choose a smaller model")


def check_speed(measured: Measured | None, advice: str) -> Check:
    """What the base model took at the last start, and how fast it was."""
    if measured is None:
        return Check("Speed", Status.OK, "measured at the next start")
    is_slow = (measured.tokens_per_second or SLOW) < SLOW
    status = Status.WARNING if is_slow else Status.OK
    return Check("Speed", status, f"last start: {describe(measured)}", advice)


def check_vllm(url: str, problem: str | None) -> Check:
    """Whether a vLLM server answers and can have adapters."""
    if problem is None:
        return Check("vLLM", Status.OK, f"{url} answers")
    return Check("vLLM", Status.MISSING, url, problem)


def check_disk(name: str, folder: Path, free_bytes: int) -> Check:
    """Whether there is enough free space."""
    found = f"{free_bytes / 1e9:.1f} GB free for {folder}"
    if free_bytes >= LITTLE_DISK_BYTES:
        return Check(name, Status.OK, found)
    status = Status.WARNING if free_bytes >= TOO_LITTLE_DISK_BYTES else Status.MISSING
    return Check(name, status, found, "free some space, or choose another data_dir or model_cache")


def check_data_dir(folder: Path, problem: str | None) -> Check:
    """Whether the data folder can be written to."""
    if problem is None:
        return Check("Data folder", Status.OK, str(folder))
    advice = "give yourself the right to write there, or set data_dir"
    return Check("Data folder", Status.MISSING, f"{folder}: {problem}", advice)


def check_database(problem: str | None) -> Check:
    """Whether the database is whole, and not newer than this release."""
    if problem is None:
        return Check("Database", Status.OK, "whole")
    return Check("Database", Status.MISSING, "cannot be used", problem)


def check_adapters(damaged: Sequence[str]) -> Check:
    """Whether the files of all adapter versions are as they were written."""
    if not damaged:
        return Check("Adapters", Status.OK, "whole")
    found = f"damaged: {', '.join(damaged[:3])}{' …' if len(damaged) > 3 else ''}"
    return Check("Adapters", Status.WARNING, found, DAMAGED_ADAPTER)


def check_port(host: str, port: int, server_url: str | None, problem: str | None) -> Check:
    """Whether the server can listen, or already does."""
    if server_url is not None:
        return Check("Port", Status.OK, f"Loralei is running at {server_url}")
    if problem is None:
        return Check("Port", Status.OK, f"{host} {port} is free")
    return Check("Port", Status.MISSING, problem, "stop what uses it, or set port")


def examine(settings: Settings) -> list[Check]:
    """Check this machine."""
    from sqlite_utils.utils import sqlite3

    server = find_server(settings.data_dir)
    server_url = server.url if server else None
    problem = None if server else why_port_is_taken(settings.host, settings.port)
    torch_version, gpus = _torch()
    data, cache = _existing(settings.data_dir), _existing(settings.model_cache)
    measured = read(settings.data_dir / PROBES_FOLDER)
    return [
        check_python(sys.version_info[:3]),
        check_torch(torch_version),
        check_gpu(gpus, shutil.which("nvidia-smi") is not None),
        check_sqlite(sqlite3.sqlite_version),
        *_model(settings, is_running=server is not None),
        *_vllm(settings),
        check_speed(measured, _advice(settings, measured)),
        check_disk("Disk for data", settings.data_dir, shutil.disk_usage(data).free),
        check_disk("Disk for models", settings.model_cache, shutil.disk_usage(cache).free),
        check_data_dir(settings.data_dir, _why_not_writable(data)),
        *_database(settings.data_dir, settings.adapters_url),
        check_port(settings.host, settings.port, server_url, problem),
    ]


def report(settings: Settings) -> int:
    """Show every check, and return the exit status: 1 if something is missing."""
    checks = examine(settings)
    styles = {Status.OK: "green", Status.WARNING: "yellow", Status.MISSING: "red"}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "What", "Found", "What to do"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        state = Text(check.status.value, styles[check.status])
        table.add_row(state, check.name, Text(check.found), Text(check.advice))
    console = Console()
    console.print(table)
    is_missing = any(check.status is Status.MISSING for check in checks)
    missing = "Something is missing: see the last column."
    console.print(missing if is_missing else "Loralei can run here.")
    return int(is_missing)


def _model(settings: Settings, is_running: bool) -> list[Check]:
    try:
        choice = current_choice(settings)
    except DataFolderError as error:
        return [check_choice(str(error))]
    prepared = settings.model_cache / choice.model / "config.json"
    is_there = Path(choice.model).expanduser().exists() or prepared.is_file()
    try:
        check_files(choice.model, settings.model_cache)
    except ModelFetchError as error:
        return [check_model_files(choice, str(error))]
    return [
        check_model(choice, is_there),
        check_memory(choice.model, available_memory(), is_running),
    ]


def _vllm(settings: Settings) -> list[Check]:
    if settings.engine != "vllm":
        return []
    # Imported here: it imports PyTorch.
    from server.base_model.engines import why_unsuitable

    try:
        model = current_choice(settings).model
    except DataFolderError:  # reported as the base model's
        return []
    return [check_vllm(url, why_unsuitable(settings, url, model)) for url in settings.vllm_urls]


def _advice(settings: Settings, measured: Measured | None) -> str:
    if measured is None:
        return ""
    better = better_model(measured, BUILT_IN.values())
    return advise(measured, better, has_adapters=has_adapters(settings.data_dir))


def _torch() -> tuple[str | None, list[str]]:
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError):  # OSError: a library that it needs is not installed
        return None, []
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return str(torch.__version__), [torch.cuda.get_device_name(index) for index in range(count)]


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    folder = folder.expanduser().absolute()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _why_not_writable(folder: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _database(data_dir: Path, adapters_url: str) -> list[Check]:
    try:
        stores.check_database(data_dir)
    except DataFolderError as error:
        return [check_database(str(error))]
    try:
        remote = stores.remote_storage(adapters_url)
    except ValueError as error:
        return [
            check_database(None),
            Check("Adapters", Status.MISSING, "cannot be used", str(error)),
        ]
    return [check_database(None), check_adapters(stores.damaged_adapters(data_dir, remote))]


def _parsed(version: str) -> Version:
    """The numbers of a version, such as (2, 13, 0) for 2.13.0+cpu."""
    parts = version.partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())
