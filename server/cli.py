"""The command `loralei`. Nothing heavy is imported before a command needs it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from server.admin_client import AdminClient
    from server.settings import Settings

app = typer.Typer(
    name="loralei",
    help="A chat server that becomes a different model for each of its users.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich help takes a quarter of a second to import
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Who may chat.", no_args_is_help=True)
adapters = typer.Typer(help="What each user's model is, and was.", no_args_is_help=True)
feedback = typer.Typer(help="What users said and judged, as JSON lines.", no_args_is_help=True)
app.add_typer(users, name="users")
app.add_typer(adapters, name="adapters")
app.add_typer(feedback, name="feedback")

User = Annotated[str, typer.Argument(help="The user's name or id.")]
Version = Annotated[str, typer.Argument(help="A version such as v3, or base.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")]


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def serve(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every request.")] = False,
) -> None:
    """Start the server: the chat page, the admin page and the API."""
    from server.start import start_server

    raise typer.Exit(start_server(load_settings(), verbose=verbose))


@app.command()
def demo() -> None:
    """Show on the real model how one user's corrections change their model, and nobody else's."""
    from server.demo import run_demo

    raise typer.Exit(run_demo(load_settings()))


@app.command()
def doctor() -> None:
    """Check what Loralei needs on this machine, and say what to do where something is missing."""
    from server.doctor import report

    raise typer.Exit(report(load_settings()))


@app.command()
def retrain(user: User) -> None:
    """Train a user's adapter now, and show what comes of it."""
    from rich.console import Console

    from server.cli_views import follow_run, run_outcome

    console = Console()
    with admin_api(needs_model=True) as api:
        run = api.post(f"/adapters/{_part(user)}/train")
        try:
            run = follow_run(console, run, lambda: api.get(f"/runs/{run['id']}"))
        except KeyboardInterrupt:
            console.print(f"No longer watching {run['id']}.")
            raise typer.Exit(130) from None
    console.print(run_outcome(run))
    raise typer.Exit(0 if run["status"] == "promoted" else 1)


@app.command()
def erase(user: User, yes: Yes = False) -> None:
    """Erase a user: key, chats, judgements, every version and file."""
    if not yes:
        typer.confirm(f"Erase everything of {user}? This cannot be undone", abort=True)
    with admin_api() as api:
        erased = api.delete(f"/users/{_part(user)}")
    typer.echo(f"Erased {user}: {erased['erased']} rows and all versions.")


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="The new user's name.")],
    kind: Annotated[str, typer.Option(help="user, frontend or admin.")] = "user",
) -> None:
    """Make a user and show the key, this once."""
    with admin_api() as api:
        typer.echo(api.post("/users", {"name": name, "kind": kind})["key"])


@users.command("list")
def list_users() -> None:
    """Show every user."""
    from server.cli_views import users_table

    with admin_api() as api:
        _show(users_table(api.get("/users")["data"]))


@users.command("key")
def replace_key(user: User) -> None:
    """Revoke a user's keys and show a new one, this once."""
    with admin_api() as api:
        typer.echo(api.post(f"/users/{_part(user)}/key")["key"])


@users.command("remove")
def remove_user(user: User, yes: Yes = False) -> None:
    """Remove a user and everything of theirs; the same as `loralei erase`."""
    erase(user, yes)


@adapters.command("list")
def list_adapters() -> None:
    """Show which version answers each user, and what it learned from."""
    from server.cli_views import adapters_table

    with admin_api() as api:
        _show(adapters_table(api.get("/adapters")["data"]))


@adapters.command("show")
def show_adapter(
    user: User,
    version: Annotated[str | None, typer.Argument(help="One version, such as v3.")] = None,
) -> None:
    """Show a user's versions, their losses and verdicts, or everything about one of them."""
    from server.cli_views import adapter_view, version_view

    with admin_api() as api:
        if version is None:
            _show(adapter_view(api.get(f"/adapters/{_part(user)}")))
        else:
            _show(version_view(api.get(f"/adapters/{_part(user)}/versions/{_number(version)}")))


@adapters.command("rollback")
def roll_back(user: User) -> None:
    """Go back to what answered before the last promotion."""
    with admin_api() as api:
        move = api.post(f"/adapters/{_part(user)}/rollback")
    typer.echo(f"{user} is answered by {move['to']} again, no longer by {move['from']}.")


@adapters.command("promote")
def promote(user: User, version: Version) -> None:
    """Let a version, or the base model, answer from now on."""
    with admin_api(needs_model=version != "base") as api:
        move = api.post(f"/adapters/{_part(user)}/promote", {"version": _label(version)})
    typer.echo(f"{user} is answered by {move['to']} now, before by {move['from']}.")


@adapters.command("freeze")
def freeze(user: User) -> None:
    """Keep a user's adapter as it is: it answers, and is not trained."""
    with admin_api() as api:
        api.post(f"/adapters/{_part(user)}/freeze")
    typer.echo(f"{user} is frozen.")


@adapters.command("unfreeze")
def unfreeze(user: User) -> None:
    """Let a user's adapter learn again."""
    with admin_api() as api:
        api.post(f"/adapters/{_part(user)}/unfreeze")
    typer.echo(f"{user} learns again.")


@adapters.command("export")
def export_adapter(
    user: User,
    version: Annotated[str | None, typer.Argument(help="Default: the one that answers.")] = None,
    output: Output = None,
) -> None:
    """Write a version as a zipped PEFT folder."""
    with admin_api() as api:
        label = version or str(api.get(f"/users/{_part(user)}")["adapter"])
        content = api.download(f"/adapters/{_part(user)}/versions/{_number(label)}/download")
    target = output or Path(f"adapter-{_label(label)}.zip")
    target.write_bytes(content)
    typer.echo(f"Wrote {target}.")


@adapters.command("import")
def import_adapter(
    user: User,
    folder: Annotated[Path, typer.Argument(help="A PEFT folder.", exists=True, file_okay=False)],
) -> None:
    """Take in an adapter trained elsewhere; `promote` then lets it answer."""
    from server.peft_folder import read_peft_folder

    try:
        weights, headers = read_peft_folder(folder)
    except ValueError as error:
        _fail(str(error))
    with admin_api(needs_model=True) as api:
        version = api.upload(f"/adapters/{_part(user)}/versions", weights, headers)
    typer.echo(f"Imported as {version['label']}. It does not answer until it is promoted.")


@feedback.command("export")
def export_feedback(user: User, output: Output = None) -> None:
    """Write a user's chats and judgements as JSON lines, to the screen without --output."""
    import io
    import zipfile

    with admin_api() as api:
        archive = api.download(f"/users/{_part(user)}/export")
    lines = zipfile.ZipFile(io.BytesIO(archive)).read("feedback.jsonl")
    if output is None:
        sys.stdout.buffer.write(lines)
    else:
        output.write_bytes(lines)


@feedback.command("import")
def import_feedback(
    user: User,
    file: Annotated[Path, typer.Argument(help="JSON lines.", exists=True, dir_okay=False)],
) -> None:
    """Take in what `feedback export` wrote, as this user's own."""
    with admin_api() as api:
        imported = api.upload(f"/users/{_part(user)}/feedback", file.read_bytes())
    typer.echo(f"Imported {imported['rows']} rows.")


def load_settings() -> "Settings":
    """The operator's settings; a wrong one ends the command with the reason."""
    from pydantic_core import ValidationError

    from server.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        reasons = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        _fail("these settings are wrong:\n  " + "\n  ".join(reasons))
    except ValueError as error:
        _fail(str(error))


@contextlib.contextmanager
def admin_api(*, needs_model: bool = False) -> Iterator["AdminClient"]:
    """The admin API; what it refuses ends the command with the reason."""
    from server.admin_client import AdminApiError, open_admin
    from server.data_folder import DataFolderInUseError

    settings = load_settings()
    try:
        with open_admin(settings, needs_model=needs_model, on_admin_key=_show_admin_key) as api:
            yield api
    except (AdminApiError, DataFolderInUseError) as error:
        _fail(str(error))


def _show_admin_key(key: str) -> None:
    typer.echo(f"The first admin's key, shown this once: {key}", err=True)


def _show(view: object) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160).print(view)


def _part(name: str) -> str:
    return quote(name, safe="")


def _label(version: str) -> str:
    return f"v{version}" if version.isdecimal() else version


def _number(version: str) -> str:
    digits = version.removeprefix("v")
    if not digits.isdecimal():
        _fail(f"{version} is not a version such as v3.")
    return digits


def _fail(reason: str) -> NoReturn:
    typer.echo(f"Error: {reason}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
