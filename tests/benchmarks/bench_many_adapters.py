"""Ten thousand adapters on disk, 64 in memory: is memory steady while all of them answer?

    python -m tests.benchmarks.bench_many_adapters

On the tiny model: the machinery is the same, and its small adapters fit on any disk.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from adapters_store.records import AdapterVersion
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams
from tests.adapters import LORA, publish_random_adapter
from tests.benchmarks.report import machine, markdown_table, show_section
from tests.conftest import load_tiny
from tests.tiny_model import build_tiny_model

ADAPTERS = 10_000
RESIDENT = 64
WARM_UP = 1_000
AT_ONCE = 16


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    text = f"Measured on {machine()}.\n\n" + markdown_table(("figure", "measured", "wanted"), rows)
    show_section("many adapters", text, is_written="--no-write" not in sys.argv)


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """One reply with each adapter, in a random order."""
    files = AdapterFiles(folder / "adapters")
    base = load_tiny(build_tiny_model(folder / "tiny"))
    first = LocalEngine(base, LORA, files, EngineConfig())
    versions = publish_many(files, folder / "adapters", first)
    first.stop()
    budget = RESIDENT * versions[0].size_bytes
    engine = LocalEngine(base, LORA, files, EngineConfig(adapter_cache_bytes=budget))
    engine.start()
    try:
        random.Random(0).shuffle(versions)
        asyncio.run(ask_each(engine, versions[:WARM_UP]))
        before = resident_mib()
        most = asyncio.run(ask_each(engine, versions[WARM_UP:]))
        after = resident_mib()
    finally:
        engine.stop()
    return [
        ("adapters on disk, one reply each", f"{ADAPTERS:,}", ""),
        ("most in memory, between replies", str(most), f"about {RESIDENT}"),
        (f"memory of the process after {WARM_UP:,} replies", f"{before:.0f} MiB", ""),
        (f"memory of the process after {ADAPTERS:,} replies", f"{after:.0f} MiB", "the same"),
    ]


def publish_many(files: AdapterFiles, root: Path, engine: LocalEngine) -> list[AdapterVersion]:
    """Versions in folders of their own. Their weights are hard links to one file."""
    original = publish_random_adapter(files, engine.shapes, 0)
    versions = [original]
    for number in range(1, ADAPTERS):
        name = token_hex(16)
        (root / name).mkdir()
        os.link(root / original.folder / WEIGHTS_FILE, root / name / WEIGHTS_FILE)
        versions.append(replace(original, folder=name, user_id=f"u{number}"))
    return versions


async def ask_each(engine: LocalEngine, versions: Sequence[AdapterVersion]) -> int:
    """Ask for a short reply with each version, some at once; return the most adapters in memory."""
    params = SamplingParams(temperature=0, max_tokens=2, ignore_eos=True)
    most = 0

    async def ask(version: AdapterVersion) -> None:
        async for _ in engine.submit([5, 6, 7], params, version, user=version.user_id):
            pass

    for start in range(0, len(versions), AT_ONCE):
        await asyncio.gather(*(ask(each) for each in versions[start : start + AT_ONCE]))
        most = max(most, engine.adapters.num_resident)
    return most


def resident_mib() -> float:
    """Memory of this process, as Linux counts it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
