"""The training child reads the file of packed weights that the server has mapped."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adapters_store.base_model import load_base_model
from feedback.examples.dataset import build_dataset
from scheduler.records import TrainingConfig
from scheduler.trainer.worker import ProcessTrainer
from tests.processes import newer_children
from tests.scheduler.trainer.test_train import EXAMPLES, tiny_job

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


@pytest.fixture
def packed(tiny_model_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The file, made and mapped by this process, as by a server."""
    file = tmp_path / "packed" / "tiny.safetensors"
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
    yield file
    del base  # until here it keeps the file mapped


def train(model: Path, packed: Path, tmp_path: Path, look: Callable[[int], None]) -> None:
    """Work a short job; `look` gets the child's process id when it has measured the drift."""
    job = replace(
        tiny_job(model),
        precision="int8",
        packed=str(packed),
        training=TrainingConfig(max_steps=1, min_passes=1),
    )
    trainer = ProcessTrainer(tmp_path / "jobs", lambda: False, timeout=120)
    own = newer_children()
    trainer.prepare()
    [child] = own()
    (tmp_path / "adapter").mkdir()
    trainer.run(
        job,
        build_dataset("ann", EXAMPLES[:2]),
        destination=tmp_path / "adapter",
        on_progress=lambda progress: look(child) if progress.phase == "measuring drift" else None,
        is_cancelled=lambda: False,
    )


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


def test_the_child_shares_every_page_of_the_packed_weights(
    tiny_model_folder: Path, packed: Path, tmp_path: Path
) -> None:
    seen: list[dict[str, int]] = []
    train(tiny_model_folder, packed, tmp_path, lambda child: seen.append(mapping(child, packed)))
    [sizes] = seen
    assert sizes["Rss:"] * 1024 > packed.stat().st_size / 2
    assert sizes["Shared_Clean:"] == sizes["Rss:"]
    assert sizes["Pss:"] < sizes["Rss:"]


def test_the_child_packs_nothing_that_is_packed_already(
    tiny_model_folder: Path, packed: Path, tmp_path: Path
) -> None:
    before, files = packed.stat(), sorted(packed.parent.glob("*.safetensors*"))
    train(tiny_model_folder, packed, tmp_path, lambda child: None)
    after = packed.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(packed.parent.glob("*.safetensors*")) == files
