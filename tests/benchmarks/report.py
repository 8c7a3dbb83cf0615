"""Writes a benchmark's table into docs/benchmarks.md, between its two markers."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

INSTRUCTIONS = ("avx2", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
"""What a processor may have that these figures depend on."""
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def machine() -> str:
    """The day, the device and the versions that figures were measured with."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else _cpu()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, {device}, Python {platform.python_version()}, {libraries}"


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table. Cells may hold anything except line breaks and bars."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def show_section(name: str, text: str, *, is_written: bool) -> None:
    """Print a table, and replace the section `name` of the page with it if `is_written`."""
    print(text)
    if is_written:
        write_section(name, text)


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Replace the section `name` of a page. Raises `ValueError` if it has none of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before = page.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, count = pattern.subn(lambda _: f"{begin}\n{text}\n{end}", before)
    if count != 1:
        raise ValueError(f"{page.name} has no section {name!r}")
    page.write_text(replaced, encoding="utf-8")


def _cpu() -> str:
    cores = os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()}, {cores} cores"
    facts = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name", platform.machine()).strip()
    sets = [each for each in INSTRUCTIONS if each in facts.get("flags", "").split()]
    return f"{name} ({', '.join(sets)}), {cores} cores"
