"""`loralei adapters`: every user's versions, and the commands that change them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.context import Output, User, admin_api, admin_path, fail, show

if TYPE_CHECKING:
    from server.client import Client

adapters = typer.Typer(help="Every user's adapter versions.", no_args_is_help=True)

PUBLIC_WARNING = (
    "Everybody could download {label} of {user} from {repo}. The weights were learned from chats"
    " and feedback of {user}: they may repeat these word for word, with names and secrets in them."
    " A copy cannot be taken back, not even if {user} deletes the feedback. Make it public?"
)
Version = Annotated[str, typer.Argument(help="A version such as v3, or base.")]


@adapters.command("list")
def list_adapters() -> None:
    """Show each user's version in use, and what it learned from."""
    from server.cli.views import adapters_table

    with admin_api() as api:
        show(adapters_table(api.get(admin_path("adapters"))["data"]))


@adapters.command("show")
def show_adapter(
    user: User,
    version: Annotated[str | None, typer.Argument(help="One version, such as v3.")] = None,
) -> None:
    """Show a user's versions with losses and verdicts, or everything about one version."""
    from server.cli.views import adapter_view, version_view

    with admin_api() as api:
        if version is None:
            show(adapter_view(api.get(_path(user))))
        else:
            show(version_view(api.get(_path(user, version))))


@adapters.command("evaluate")
def evaluate(
    user: User,
    version: Annotated[str | None, typer.Argument(help="Default: the version in use.")] = None,
) -> None:
    """Run the evaluation suite on a version, and show where it got worse."""
    from rich.console import Console

    from server.cli.views import follow_run, suite_view

    console = Console()
    with admin_api(needs_model=True) as api:
        label = version or _in_use(api, user)
        path = f"{_path(user, label)}/evaluate"
        api.post(path)
        try:
            run = follow_run(console, api.poll(path))
        except KeyboardInterrupt:
            console.print("Stopped watching; the suite goes on.")
            raise typer.Exit(130) from None
    show(suite_view(run))
    raise typer.Exit(0 if run["status"] == "passed" else 1)


@adapters.command("rollback")
def roll_back(user: User) -> None:
    """Go back to the version before the last promotion."""
    with admin_api() as api:
        move = api.post(f"{_path(user)}/rollback")
    typer.echo(f"{user} is answered by {move['to']} again, no longer by {move['from']}.")


@adapters.command("promote")
def promote(user: User, version: Version) -> None:
    """Put a version, or the base model, in use."""
    with admin_api(needs_model=version != "base") as api:
        move = api.post(f"{_path(user)}/promote", {"version": _label(version)})
    typer.echo(f"{user} is answered by {move['to']} now, before by {move['from']}.")


@adapters.command("delete")
def delete(user: User, version: Annotated[str, typer.Argument(help="Such as v3.")]) -> None:
    """Delete a version that is not in use, with its files. This cannot be undone."""
    with admin_api() as api:
        deleted = api.delete(_path(user, version))
    typer.echo(f"{deleted['label']} of {user} is deleted.")


@adapters.command("freeze")
def freeze(user: User) -> None:
    """Stop training a user's adapter; the version in use stays in use."""
    with admin_api() as api:
        api.post(f"{_path(user)}/freeze")
    typer.echo(f"{user} is frozen.")


@adapters.command("unfreeze")
def unfreeze(user: User) -> None:
    """Allow training of a user's adapter again."""
    with admin_api() as api:
        api.post(f"{_path(user)}/unfreeze")
    typer.echo(f"{user} is no longer frozen.")


@adapters.command("export")
def export_adapter(
    user: User,
    version: Annotated[str | None, typer.Argument(help="Default: the version in use.")] = None,
    gguf: Annotated[
        bool, typer.Option("--gguf", help="Write a GGUF file for llama.cpp and Ollama.")
    ] = False,
    output: Output = None,
) -> None:
    """Write a version as a zipped PEFT folder, or as a GGUF file."""
    with admin_api(needs_model=gguf) as api:
        label = version or _in_use(api, user)
        path = f"{_path(user, label)}/download"
        content = api.send("GET", f"{path}?format=gguf" if gguf else path).content
    target = output or Path(f"adapter-{_label(label)}.{'gguf' if gguf else 'zip'}")
    target.write_bytes(content)
    typer.echo(f"Wrote {target}.")


@adapters.command("push")
def push_adapter(
    user: User,
    repo: Annotated[str, typer.Argument(help="A Hugging Face repository, such as anna/mine.")],
    version: Annotated[str | None, typer.Option(help="Default: the version in use.")] = None,
    public: Annotated[
        bool, typer.Option("--public/--private", help="Who may download it; asks first.")
    ] = False,
) -> None:
    """Push a version to a Hugging Face repository, private unless --public."""
    from server.cli.peft.hub_push import PushError, hub_token, push

    try:
        token = hub_token()
        with admin_api() as api:
            label = _label(version or _in_use(api, user))
            archive = api.send("GET", f"{_path(user, label)}/download").content
        if public:
            typer.confirm(PUBLIC_WARNING.format(user=user, label=label, repo=repo), abort=True)
        url = push(archive, repo, token, label=label, is_public=public)
    except PushError as error:
        fail(str(error))
    typer.echo(f"Pushed {label} of {user} to {url}.")


@adapters.command("import")
def import_adapter(
    user: User,
    folder: Annotated[Path, typer.Argument(help="A PEFT folder.", exists=True, file_okay=False)],
    same_base: Annotated[
        bool, typer.Option("--same-base", help="It was made for this base, whatever it says.")
    ] = False,
) -> None:
    """Import an adapter trained elsewhere; `promote` puts it in use."""
    from server.cli.peft.folder import read_peft_folder

    try:
        weights, headers = read_peft_folder(folder)
    except ValueError as error:
        fail(str(error))
    with admin_api(needs_model=True) as api:
        path = f"{_path(user)}/versions?same_base={str(same_base).lower()}"
        version = api.send("POST", path, content=weights, headers=headers).json()
    for warning in version.get("warnings", ()):
        typer.echo(f"Warning: {warning}", err=True)
    typer.echo(f"Imported as {version['label']}. Promote it to put it in use.")


def _path(user: str, version: str | None = None) -> str:
    parts = () if version is None else ("versions", _number(version))
    return admin_path("adapters", user, *parts)


def _in_use(api: "Client", user: str) -> str:
    return str(api.get(admin_path("users", user))["adapter"])


def _label(version: str) -> str:
    return f"v{version}" if version.isdecimal() else version


def _number(version: str) -> str:
    digits = version.removeprefix("v")
    if not digits.isdecimal():
        fail(f"{version} is not a version such as v3.")
    return digits
