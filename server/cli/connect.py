"""`loralei connect`: what to do so that a frontend's users are known and its feedback arrives."""

import secrets
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli.context import admin_api, fail, load_settings

if TYPE_CHECKING:
    from server.cli.open_webui.recipe import Identity

connect = typer.Typer(help="Connect a frontend.", no_args_is_help=True)


@connect.callback()
def _group() -> None:
    """Keep the name of the frontend in the command, also while there is only one."""


@connect.command("open-webui")
def connect_open_webui(
    name: Annotated[str, typer.Option(help="The frontend's account; made if missing.")] = "webui",
    function: Annotated[
        bool, typer.Option("--function", help="Print only the function to paste there.")
    ] = False,
) -> None:
    """Print how to connect Open WebUI: settings, variables, headers, and the function."""
    from server.cli.open_webui.recipe import FUNCTION, Identity, recipe

    if function:
        typer.echo(FUNCTION.read_text(encoding="utf-8"), nl=False)
        return
    with admin_api() as api:
        known = next((each for each in api.users() if each["name"] == name), None)
        if known is not None and known["kind"] != "frontend":
            fail(f"{name} is no frontend: choose another --name.")
        if known is None:
            secret = secrets.token_urlsafe(32)
            key = api.add_user(name, "frontend", jwt_secret=secret)
            typer.echo(recipe(_base_url(), name, key, Identity(secret)))
        else:
            typer.echo(recipe(_base_url(), name, None, _identity(known)))


def _identity(frontend: dict[str, Any]) -> "Identity":
    """As its own rules say, or else the settings. If neither says anything: signed."""
    from server.cli.open_webui.recipe import Identity

    settings = load_settings()
    own = frontend["identity"]
    is_default = own == "settings"
    if own == "jwt" or (is_default and settings.openwebui_jwt_secret is not None):
        return Identity(f"<the jwt secret of {frontend['name']}>")
    if own == "headers" or (is_default and settings.trust_identity_headers):
        return Identity(None)
    secret = secrets.token_urlsafe(32)
    return Identity(secret, f"loralei users identity {frontend['name']} --jwt-secret {secret}")


def _base_url() -> str:
    from server.data_folder import find_server

    settings = load_settings()
    server = find_server(settings.data_dir)
    return f"{server.url if server else f'http://{settings.host}:{settings.port}'}/v1"
