"""The training child reads the file of packed weights that the server has mapped."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import load_base_model
from feedback.examples.dataset import build_dataset
from scheduler.records import Progress, TrainingConfig
from scheduler.trainer.worker import ProcessTrainer
from tests.processes import newer_children
from tests.scheduler.trainer.jobs import EXAMPLES, tiny_job

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


@dataclass(frozen=True)
class Run:
    """The folder of packed weights before and after a job, and the child's pages of the file."""

    before: dict[str, os.stat_result]
    after: dict[str, os.stat_result]
    pages: dict[str, int]


@pytest.fixture(scope="module")
def finished(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short job beside a process that has made and mapped the file, as a server has."""
    folder = tmp_path_factory.mktemp("shared-weights")
    file = folder / "packed" / "tiny.safetensors"
    base = load_base_model(
        tiny_model_folder,
        name="tiny",
        revision="r0",
        device=torch.device("cpu"),
        dtype=torch.float32,
        precision="int8",
        packed=file,
    )
    base.model(input_ids=torch.arange(8)[None])
    before = files_in(file.parent)
    pages = train(tiny_model_folder, file, folder)
    del base  # until here it keeps the file mapped
    return Run(before, files_in(file.parent), pages)


def train(model: Path, packed: Path, folder: Path) -> dict[str, int]:
    """Work a short job; return the child's `mapping` of the file when it measures the drift."""
    job = replace(
        tiny_job(model),
        precision="int8",
        packed=str(packed),
        training=TrainingConfig(max_steps=1, min_passes=1),
    )
    trainer = ProcessTrainer(folder / "jobs", lambda: False, timeout=120)
    own = newer_children()
    trainer.prepare()
    [child] = own()
    seen: list[dict[str, int]] = []

    def look(progress: Progress) -> None:
        if progress.phase == "measuring drift":
            seen.append(mapping(child, packed))

    (folder / "adapter").mkdir()
    trainer.run(
        job,
        build_dataset("ann", EXAMPLES[:2]),
        destination=folder / "adapter",
        on_progress=look,
        is_cancelled=lambda: False,
    )
    [pages] = seen
    return pages


def mapping(pid: int, file: Path) -> dict[str, int]:
    """The pages of a file that a process has in memory, in KiB by kind; empty if it has none."""
    sizes: dict[str, int] = {}
    is_of_file = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            is_of_file = line.endswith(str(file))
        elif is_of_file and rest[-1] == "kB":
            sizes[name] = sizes.get(name, 0) + int(rest[0])
    return sizes


def files_in(folder: Path) -> dict[str, os.stat_result]:
    return {each.name: each.stat() for each in folder.glob("*.safetensors*")}


def test_the_child_shares_every_page_of_the_packed_weights(finished: Run) -> None:
    size = finished.before["tiny.safetensors"].st_size
    assert finished.pages["Rss:"] * 1024 > size / 2
    assert finished.pages["Shared_Clean:"] == finished.pages["Rss:"]
    assert finished.pages["Pss:"] < finished.pages["Rss:"]


def test_the_child_packs_nothing_that_is_packed_already(finished: Run) -> None:
    before, after = (
        {name: (each.st_ino, each.st_mtime_ns) for name, each in files.items()}
        for files in (finished.before, finished.after)
    )
    assert after == before
