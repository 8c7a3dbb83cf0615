"""`loralei connect`: what to do so that a frontend's users are known and its feedback arrives."""

import secrets
from typing import TYPE_CHECKING, Annotated

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
    from server.cli.open_webui.recipe import FUNCTION, recipe

    if function:
        typer.echo(FUNCTION.read_text(encoding="utf-8"), nl=False)
        return
    with admin_api() as api:
        accounts = api.get("/users")["data"]
        known = next((each for each in accounts if each["name"] == name), None)
        if known is not None and known["kind"] != "frontend":
            fail(f"{name} is no frontend: choose another --name.")
        others = [each for each in accounts if each["kind"] == "frontend" and each is not known]
        made = api.post("/users", {"name": name, "kind": "frontend"}) if known is None else {}
    identity = _identity(has_others=bool(others))
    typer.echo(recipe(_base_url(), name, made.get("key"), identity))


def _identity(*, has_others: bool) -> "Identity":
    """As the settings say. If they say nothing: signed, unless other frontends cannot sign."""
    from server.cli.open_webui.recipe import Identity

    settings = load_settings()
    if settings.openwebui_jwt_secret is not None:
        return Identity("<your openwebui_jwt_secret>", None)
    if settings.trust_identity_headers:
        return Identity(None, None)
    if has_others:
        return Identity(None, "trust_identity_headers = true")
    secret = secrets.token_urlsafe(32)
    return Identity(secret, f'openwebui_jwt_secret = "{secret}"')


def _base_url() -> str:
    from server.data_folder import find_server

    settings = load_settings()
    server = find_server(settings.data_dir)
    return f"{server.url if server else f'http://{settings.host}:{settings.port}'}/v1"
