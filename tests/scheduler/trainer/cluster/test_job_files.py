"""A job goes to a node as bytes, and its result comes back as bytes."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.errors import ModelFetchError
from feedback.examples.dataset import read, write
from scheduler.records import RayConfig
from scheduler.trainer.cluster.job_files import (
    job_files,
    result_files,
    unpack_job,
    unpack_result,
)
from scheduler.trainer.job import (
    ADAPTER_FOLDER,
    DATASET_FILE,
    JobResult,
    TrainingJob,
    read_result,
    write_job,
)
from tests.scheduler.builders import make_dataset, make_job
from tests.scheduler.evaluations import GOOD

CPU = RayConfig(num_cpus=3)
GPU = RayConfig(num_gpus=0.5)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    """A job whose base, a snapshot of a hub, is on this machine."""
    base = tmp_path / "snapshots" / "revision"
    base.mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_job("tiny", base)


def sent(job: TrainingJob, folder: Path, config: RayConfig = CPU) -> TrainingJob:
    """The job as a node has it, in the folder `folder / "node"`."""
    for name in ("server", "node"):
        (folder / name).mkdir()
    write_job(folder / "server", job)
    write(make_dataset(), folder / "server" / DATASET_FILE)
    return unpack_job(job_files(folder / "server"), folder / "node", config)


def test_a_node_has_the_job_with_the_threads_of_its_share(job: TrainingJob, tmp_path: Path) -> None:
    assert sent(job, tmp_path) == replace(job, threads=3)
    assert read(tmp_path / "node" / DATASET_FILE) == make_dataset()


def test_the_weights_of_the_incumbent_go_along(job: TrainingJob, tmp_path: Path) -> None:
    incumbent = tmp_path / "v1"
    incumbent.mkdir()
    (incumbent / "adapter_model.safetensors").write_bytes(b"weights")
    there = sent(replace(job, incumbent=str(incumbent)), tmp_path)
    assert there.incumbent is not None
    assert Path(there.incumbent).parent == tmp_path / "node"
    assert (Path(there.incumbent) / "adapter_model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize(("ours", "theirs"), [("int8", "int8"), ("float32", None), (None, None)])
def test_on_a_gpu_only_int8_is_packed(
    job: TrainingJob, tmp_path: Path, ours: str | None, theirs: str | None
) -> None:
    there = sent(replace(job, precision=ours), tmp_path, GPU)  # type: ignore[arg-type]
    assert (there.device, there.precision) == ("cuda", theirs)


def test_on_a_cpu_a_job_of_a_gpu_trains_on_the_cpu(job: TrainingJob, tmp_path: Path) -> None:
    assert sent(replace(job, device="cuda:1"), tmp_path).device == "cpu"


def test_packed_weights_are_the_servers_on_its_machine(job: TrainingJob, tmp_path: Path) -> None:
    packed = tmp_path / "packed.safetensors"
    packed.touch()
    there = sent(replace(job, precision="int8", packed=str(packed)), tmp_path)
    assert there.packed == str(packed)


def test_packed_weights_are_in_the_cache_of_another_machine(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALEI_MODEL_CACHE", str(tmp_path / "own"))
    there = sent(replace(job, precision="int8", packed="/nowhere/packed"), tmp_path)
    assert there.packed is not None
    assert Path(there.packed).is_relative_to(tmp_path / "own")


def test_a_node_without_the_base_refuses_the_job(job: TrainingJob, tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match="the base model tiny is not on this machine"):
        sent(replace(job, base_path=str(tmp_path / "nowhere")), tmp_path)


def test_a_result_arrives_where_a_training_child_leaves_it(tmp_path: Path) -> None:
    adapter = tmp_path / "made"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    made = JobResult(adapter, GOOD, {"device": "cpu"}, ("layers.0",))
    unpack_result(result_files(made, tmp_path), tmp_path)
    arrived = tmp_path / ADAPTER_FOLDER
    assert read_result(tmp_path, arrived) == replace(made, adapter=arrived)
    assert (arrived / "adapter_model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", ""])
def test_a_result_writes_to_its_own_folder_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no plain name"):
        unpack_result({name: b""}, tmp_path)
