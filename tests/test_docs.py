"""The pages name every command, setting and route, and only commands and files that exist."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
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
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES]
)

FILE = re.compile(
    r"[\w.-]+(?:/[\w.-]+)*/[\w.-]*|[\w-]+(?:\.(?:py|md|toml|js|css|html|svg|png|json|jsonl|txt))+"
)
NOT_OURS = {
    # Made by a person, by the server or by a benchmark.
    "loralei.toml",
    "server.json",
    "base-model.json",
    "backup.json",
    "erasures.jsonl",
    "feedback.jsonl",
    "bench-results/",
    ".venv/bin/loralei",
    # In a model's folder.
    "config.json",
    # In a PEFT folder.
    "adapter_config.json",
    "adapter_model.safetensors",
    # Public data for the benchmarks.
    "self_instruct_seeds.jsonl",
    "user_oriented_instructions.jsonl",
    "ifeval.jsonl",
    "input_data.jsonl",
    "truthfulqa_mc.json",
    "mc_task.json",
    "lamp_three_writers.jsonl",
}


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
    written = set(re.findall(r"(?:^|[`/ ])(loralei(?: [a-z][a-z-]*)+)", TEXT, flags=re.MULTILINE))
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


@each_page
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code_blocks(page), flags=re.MULTILINE)
    slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    repeated = {f"{slug}-{i}" for slug, count in Counter(slugs).items() for i in range(1, count)}
    return {*slugs, *repeated}


def without_code_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


@each_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", without_code_blocks(page))
    named = {span for span in spans if FILE.fullmatch(span)} - NOT_OURS
    assert sorted(name for name in named if num_matches(name) != 1) == []


def num_matches(name: str) -> int:
    """How many files or folders a name can mean; 1 where it is their whole path."""
    path = name.rstrip("/")
    if (ROOT / path).exists():
        return 1
    return sum(f"/{each}".endswith(f"/{path}") for each in paths())


@cache
def paths() -> tuple[str, ...]:
    """Every file and folder of the project, relative to its root."""
    found: list[str] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name for name in folders if name == ".ci" or name.isidentifier() and name[0] != "_"
        ]
        inside = Path(folder).relative_to(ROOT)
        found += [(inside / name).as_posix() for name in (*folders, *files)]
    return tuple(found)
