"""The command `loralei`. Nothing heavy is imported before a command needs it."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adapters_store.weights.openmp import set_waiting
from server.cli.adapters import adapters
from server.cli.cells import cells, copy_frontend, move_user
from server.cli.connect import connect
from server.cli.context import (
    KEY_VARIABLE,
    Output,
    User,
    admin_api,
    admin_path,
    fail,
    load_settings,
    running_server_url,
    show,
)

app = typer.Typer(
    name="loralei",
    help="A chat server that becomes a different model for each of its users.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich help takes a quarter of a second to import
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Who may chat.", no_args_is_help=True)
feedback = typer.Typer(help="Users' chats and feedback.", no_args_is_help=True)
runs = typer.Typer(help="Training runs.", no_args_is_help=True)
app.add_typer(users, name="users")
app.add_typer(runs, name="runs")
app.add_typer(adapters, name="adapters")
app.add_typer(feedback, name="feedback")
app.add_typer(connect, name="connect")
app.add_typer(cells, name="cells")
users.command("move")(move_user)
users.command("copy")(copy_frontend)


class Source(StrEnum):
    """Who wrote a file of feedback."""

    LORALEI = "loralei"
    OPEN_WEBUI = "open-webui"


JwtSecret = Annotated[
    str | None, typer.Option(help="A frontend's secret of signed names, as in Open WebUI.")
]
TrustHeaders = Annotated[
    bool | None,
    typer.Option("--trust-headers/--ignore-headers", help="Let a frontend name users in headers."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def main() -> None:
    """Run the command line."""
    set_waiting()
    app()


@app.command()
def serve(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every request.")] = False,
) -> None:
    """Start the server: the chat page, the admin page and the API."""
    from server.cli.serve import start_server

    raise typer.Exit(start_server(load_settings(), verbose=verbose))


@app.command()
def demo() -> None:
    """Show on the real model how one user's corrections change their model, and nobody else's."""
    from server.cli.demo import run_demo

    raise typer.Exit(run_demo(load_settings()))


@app.command()
def chat(
    key: Annotated[str, typer.Option(envvar=KEY_VARIABLE, help="A user's key.")] = "",
    url: Annotated[str, typer.Option(help="Default: the server of this data folder.")] = "",
) -> None:
    """Chat with your own model, and correct it; /help shows the commands."""
    from server.cli.chat import ChatSession
    from server.cli.terminal import Terminal
    from server.client import ApiError, Client

    if not key.strip():
        fail(
            "there is no key. `loralei users add NAME` makes a user and shows the key: "
            f"put it into {KEY_VARIABLE}, or use --key."
        )
    try:
        with Client(url or running_server_url(), key.strip()) as client:
            session = ChatSession(client, Terminal())
            session.start()
            session.run()
    except ApiError as error:
        fail(str(error))


@app.command()
def doctor() -> None:
    """Check what Loralei needs on this machine, and say what to do if something is missing."""
    from server.cli.doctor import report

    raise typer.Exit(report(load_settings()))


@app.command()
def retrain(user: User) -> None:
    """Train a user's adapter now, and show the result."""
    from rich.console import Console

    from server.cli.views import follow_run, run_outcome

    console = Console()
    with admin_api(needs_model=True) as api:
        run = api.train(user)
        try:
            run = follow_run(console, api.follow(run["id"]))
        except KeyboardInterrupt:
            console.print(f"Stopped watching {run['id']}; it goes on if a server runs.")
            raise typer.Exit(130) from None
    console.print(run_outcome(run))
    raise typer.Exit(0 if run["status"] == "promoted" else 1)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder, not on the same disk.")],
) -> None:
    """Copy the database and the adapters, also while the server runs."""
    with admin_api() as api:
        body = {"folder": str(folder.absolute())}
        made = api.send("POST", admin_path("backup"), json=body, timeout=None).json()
    size = f"{made['size_bytes'] / 1e6:.1f} MB"
    typer.echo(f"Wrote {folder}: the database and {made['versions']} adapter versions, {size}.")
    if made["damaged"]:
        fail(f"left out, because files are missing or damaged: {', '.join(made['damaged'])}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.", exists=True, file_okay=False)],
) -> None:
    """Put a backup into the data folder, which must have no database and no adapters."""
    from server.backup.manifest import BackupError
    from server.backup.restore import restore as restore_backup
    from server.data_folder import DataFolderError

    data_dir = load_settings().data_dir
    try:
        done = restore_backup(folder, data_dir)
    except (BackupError, DataFolderError) as error:
        fail(str(error))
    typer.echo(f"Restored {done.accounts} accounts and {done.versions} versions to {data_dir}.")
    if done.erased:
        typer.echo(f"Users who were erased after the backup, erased again: {done.erased}.")


@app.command()
def erase(user: User, yes: Yes = False) -> None:
    """Erase a user: key, chats, feedback, every version and file."""
    if not yes:
        typer.confirm(f"Erase everything of {user}? This cannot be undone", abort=True)
    with admin_api() as api:
        erased = api.delete(admin_path("users", user))
    typer.echo(f"Erased {user}: {erased['erased']} records and all versions.")


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="The new user's name.")],
    kind: Annotated[str, typer.Option(help="user, frontend or admin.")] = "user",
    jwt_secret: JwtSecret = None,
    trust_headers: TrustHeaders = None,
) -> None:
    """Make a user and show the key, this once."""
    identity = {"jwt_secret": jwt_secret, "trust_headers": trust_headers}
    with admin_api() as api:
        typer.echo(api.add_user(name, kind, **identity))


@users.command("identity")
def set_identity(
    user: User, jwt_secret: JwtSecret = None, trust_headers: TrustHeaders = None
) -> None:
    """Say how a frontend names its users; without options, as the settings say."""
    identity = {"jwt_secret": jwt_secret, "trust_headers": trust_headers}
    with admin_api() as api:
        changed = api.put(admin_path("users", user, "identity"), identity)
    typer.echo(f"{user} names its users by: {changed['identity']}.")


@users.command("list")
def list_users() -> None:
    """Show every user."""
    from server.cli.views import users_table

    with admin_api() as api:
        show(users_table(api.users()))


@users.command("key")
def replace_key(user: User) -> None:
    """Revoke a user's keys and show a new one, this once."""
    with admin_api() as api:
        typer.echo(api.post(admin_path("users", user, "key"))["key"])


@users.command("remove")
def remove_user(user: User, yes: Yes = False) -> None:
    """Remove a user with all data; the same as `loralei erase`."""
    erase(user, yes)


@runs.command("export")
def export_runs(
    file: Annotated[Path, typer.Argument(help="The ZIP file to write.")],
    user: Annotated[str | None, typer.Option(help="Only the runs of this user.")] = None,
) -> None:
    """Write the newest 1000 training runs as a ZIP of `mlruns/`, which MLflow reads."""
    query = {} if user is None else {"user": user}
    with admin_api() as api:
        file.write_bytes(api.send("GET", admin_path("runs", "export"), params=query).content)
    typer.echo(f"Wrote {file}. Unzip it, then:")
    typer.echo("MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri file:mlruns")


@feedback.command("export")
def export_feedback(user: User, output: Output = None) -> None:
    """Write a user's chats and feedback as JSON lines; without --output, to the screen."""
    import io
    import zipfile

    with admin_api() as api:
        archive = api.send("GET", admin_path("users", user, "export")).content
    lines = zipfile.ZipFile(io.BytesIO(archive)).read("feedback.jsonl")
    if output is None:
        sys.stdout.buffer.write(lines)
    else:
        output.write_bytes(lines)


@feedback.command("curate")
def curate_feedback(
    user: User,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which examples the next training accepts, and why it rejects the others."""
    with admin_api() as api:
        curation = api.get(admin_path("users", user, "curation"))
    if as_json:
        import json

        typer.echo(json.dumps(curation, indent=2, ensure_ascii=False))
    else:
        from server.cli.views import curation_view

        show(curation_view(curation))


@feedback.command("import")
def import_feedback(
    user: User,
    file: Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)],
    source: Annotated[
        Source, typer.Option("--from", help="open-webui: its feedback export; USER is a frontend.")
    ] = Source.LORALEI,
) -> None:
    """Import what `feedback export` wrote, as this user's own; or another program's export."""
    parts = [] if source is Source.LORALEI else [source]
    with admin_api() as api:
        path = admin_path("users", user, "feedback", *parts)
        imported = api.send("POST", path, content=file.read_bytes()).json()
    if source is Source.LORALEI:
        typer.echo(f"Imported {imported['rows']} records.")
        return
    for each in imported["skipped"]:
        name = f"Rating {each['row']}" + (f" ({each['id']})" if each["id"] else "")
        typer.echo(f"{name} was skipped: {each['why']}.", err=True)
    typer.echo(f"Imported {imported['rows']} records of {imported['users']} users.")
