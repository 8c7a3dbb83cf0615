"""What the commands share: arguments, settings, the admin API, and how they fail."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from server.client import Client
    from server.settings import Settings

KEY_VARIABLE = "LORALEI_KEY"  # no setting: the key of a person who chats
User = Annotated[str, typer.Argument(help="The user's name or id.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")]


def load_settings() -> "Settings":
    """The operator's settings; an invalid one ends the command with the reason."""
    from pydantic_core import ValidationError

    from server.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        reasons = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        fail("these settings are invalid:\n  " + "\n  ".join(reasons))
    except ValueError as error:
        fail(str(error))


def running_server_url() -> str:
    """Where the server of this data folder listens; without one the command ends."""
    from server.data_folder import find_server

    data_dir = load_settings().data_dir
    server = find_server(data_dir)
    if server is None:
        fail(f"no server uses {data_dir}: start one with `loralei serve`, or name one with --url.")
    return server.url


@contextlib.contextmanager
def admin_api(*, needs_model: bool = False) -> Iterator["Client"]:
    """The admin API; a refusal ends the command with the reason."""
    from server.cli.admin_client import open_admin
    from server.client import ApiError
    from server.data_folder import DataFolderError

    settings = load_settings()
    try:
        with open_admin(settings, needs_model=needs_model, on_admin_key=_show_admin_key) as api:
            yield api
    except (ApiError, DataFolderError) as error:
        fail(str(error))


def show(view: object) -> None:
    """Print a view as wide as the terminal, or 160 columns wide without one."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160).print(view)


def admin_path(*parts: str) -> str:
    """The path of something in the admin API, such as `("users", "anna")`."""
    return "/".join(("/v1/admin", *(quote(part, safe="") for part in parts)))


def fail(reason: str) -> NoReturn:
    """End the command with status 1 and the reason."""
    typer.echo(f"Error: {reason}", err=True)
    raise typer.Exit(1)


def _show_admin_key(key: str) -> None:
    typer.echo(f"The first admin's key, shown this once: {key}", err=True)
