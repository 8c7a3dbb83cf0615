"""`loralei cells`, `loralei users move` and `loralei users copy`: several servers behind one proxy.

The cell that a user leaves is the server of this data folder.
"""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli.context import User, admin_api, admin_path, fail

if TYPE_CHECKING:
    from server.client import Client

TARGET_VARIABLE = "LORALEI_TARGET_KEY"  # no setting: an admin's key of another cell
POLL_SECONDS = 0.2
Target = Annotated[str, typer.Option("--to", help="The URL of the other cell itself.")]
TargetKey = Annotated[
    str, typer.Option("--key", envvar=TARGET_VARIABLE, help="An admin's key of the other cell.")
]

cells = typer.Typer(help="Several servers behind one proxy.", no_args_is_help=True)


@cells.command("map")
def show_map() -> None:
    """Print the lines of the proxy's map: users who live here though the hash leads elsewhere."""
    with admin_api() as api:
        for line in api.get(admin_path("cell"))["map"]:
            typer.echo(line)


def move_user(
    user: User,
    to: Target,
    key: TargetKey = "",
    name: Annotated[str | None, typer.Option(help="A new name, if it is taken there.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds that replies under way may take to end.")
    ] = 120.0,
    stop: Annotated[
        bool, typer.Option("--stop", help="Let the user stay, if a move was cut short.")
    ] = False,
) -> None:
    """Move a user with everything to another cell; the same command again goes on after a failure.

    Until the proxy leads there, the user's requests are told to try again.
    """
    from server.client import ApiError

    with admin_api() as here, _cell(to, key) as there:
        if stop:
            _stop(here, there, user)
            return
        state = here.get(_path(user))
        try:
            if state["state"] != "moved":
                _carry(here, there, user, name, wait)
            state = here.get(_path(user))
            done = there.post(_path(state["user"], "open"), {"digest": state["digest"]})
        except ApiError as error:
            fail(f"{error} Nothing is lost: run the command again, or with --stop.")
    typer.echo(f"{user} has moved to {to}. In the proxy's map:", err=True)
    for line in done["map"]:
        typer.echo(line)
    if not done["map"]:
        typer.echo("The hash leads there: remove the user's lines, if there are any.", err=True)


def copy_frontend(
    frontend: Annotated[str, typer.Argument(help="The frontend's name or id.")],
    to: Target,
    key: TargetKey = "",
) -> None:
    """Let another cell know a frontend and its key; its users stay."""
    with admin_api() as here, _cell(to, key) as there:
        if here.get(admin_path("users", frontend))["kind"] != "frontend":
            fail(f"{frontend} is no frontend: a user lives in one cell, see `loralei users move`.")
        _send(here, there, frontend, None)
    typer.echo(f"{to} knows {frontend}.")


def _carry(here: "Client", there: "Client", user: str, name: str | None, wait: float) -> None:
    """From the first refused request until this cell has let go."""
    state = here.post(_path(user))
    deadline = time.monotonic() + wait
    while state["requests"]:
        if time.monotonic() > deadline:
            here.delete(_path(user))
            fail(f"{user} stays: requests were still being answered after {wait:g} seconds.")
        time.sleep(POLL_SECONDS)
        state = here.get(_path(user))
    arrived = _send(here, there, user, name)
    here.post(_path(user, "finish"), {"digest": arrived["digest"]})


def _send(here: "Client", there: "Client", user: str, name: str | None) -> dict[str, Any]:
    archive = here.send("GET", _path(user, "archive")).content
    query = {} if name is None else {"name": name}
    path = admin_path("moves")
    received = there.send("POST", path, params=query, content=archive, timeout=None)
    answer: dict[str, Any] = received.json()
    return answer


def _stop(here: "Client", there: "Client", user: str) -> None:
    from server.client import ApiError

    state = here.delete(_path(user))
    try:
        if there.get(_path(state["user"]))["state"] == "arriving":
            there.delete(_path(state["user"]))
    except ApiError as error:
        if error.status != 404:
            raise
    typer.echo(f"{user} stays.")


def _cell(url: str, key: str) -> "Client":
    from server.client import Client

    if not key.strip():
        fail(f"there is no key of {url}: put an admin's into {TARGET_VARIABLE}, or use --key.")
    return Client(url, key.strip())


def _path(user: str, *step: str) -> str:
    return admin_path("users", user, "move", *step)
