"""The documentation names every command, setting and route, and no command that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from server.app import create_app
from server.cli.app import app
from server.services import Services
from server.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def commands(group: Any, prefix: str = "loralei") -> Iterator[str]:
    """Every command in full, such as `loralei users add`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


COMMANDS = sorted(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"{command}\b", TEXT)


def test_every_command_that_is_documented_exists() -> None:
    written = set(re.findall(r"(?:^|[`/ ])(loralei(?: [a-z]+)+)", TEXT, flags=re.MULTILINE))
    starts = {command.split()[1] for command in COMMANDS}
    named = {text for text in written if text.split()[1] in starts}
    unknown = {text for text in named if not any(f"{text} ".startswith(f"{c} ") for c in COMMANDS)}
    assert unknown == set()


def settings_of(model: type[BaseModel]) -> Iterator[str]:
    """Every setting; one inside a table as `table.name`."""
    for name, field in model.model_fields.items():
        inner = getattr(field.annotation, "__dataclass_fields__", None)
        if inner is None:
            yield name
        else:
            yield from (f"{name}.{each}" for each in inner)


@pytest.mark.parametrize("setting", sorted(settings_of(Settings)))
def test_every_setting_is_documented(setting: str) -> None:
    table, _, name = setting.rpartition(".")
    assert re.search(rf"`({re.escape(setting)}|{name})`", TEXT)
    assert table in TEXT


def test_every_route_is_documented(tmp_path: Path) -> None:
    services = Services(Settings(data_dir=tmp_path))
    try:
        routes = create_app(services).openapi()["paths"]
    finally:
        services.stop()
    names = re.sub(r"\{[^}]*\}", "{}", TEXT)
    assert [path for path in routes if re.sub(r"\{[^}]*\}", "{}", path) not in names] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []
