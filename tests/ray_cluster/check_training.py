"""Training on a local Ray cluster: `make test-ray`."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from adapters_store.models.resolve import fingerprint
from feedback.examples.dataset import build_dataset
from feedback.records import Dataset
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import Progress, RayConfig, TrainingConfig
from scheduler.trainer.cluster import driver as driver_module
from scheduler.trainer.cluster.driver import ClusterError, Driver
from scheduler.trainer.cluster.trainer import RayTrainer
from scheduler.trainer.job import JobResult, TrainingJob
from tests.ray_cluster.cluster import LocalCluster, local_cluster
from tests.scheduler.trainer.jobs import EXAMPLES, run, run_in_child, tiny_job
from tests.scheduler.training import make_example
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)

PATIENCE = 600.0
"""Seconds. A node takes a while to start a worker, and that one to import PyTorch."""

SECRET = "zebra-crossing-4711"
"""A word of a user's that must not stay anywhere."""

SERVER = """
import sys
from dataclasses import replace
from pathlib import Path
from adapters_store.models.resolve import fingerprint
from feedback.examples.dataset import build_dataset
from scheduler.records import RayConfig
from scheduler.trainer.cluster.trainer import RayTrainer
from tests.scheduler.trainer.jobs import EXAMPLES, tiny_job
folder, address, model = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
RayTrainer(folder / "jobs", RayConfig(address), 600.0).run(
    replace(tiny_job(model), base_revision=fingerprint(model)),
    build_dataset("ann", EXAMPLES),
    destination=folder,
    on_progress=lambda progress: None,
    is_cancelled=lambda: False,
)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with local_cluster(tmp_path_factory.mktemp("nodes"), num_nodes=2) as cluster:
        yield cluster
        assert cluster.job_folders == []
        files = [path for path in cluster.session.rglob("*") if path.is_file()]
        assert any(path.suffix == ".out" for path in files)
        assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.fixture(scope="module")
def job(tiny_model_folder: Path) -> TrainingJob:
    return replace(tiny_job(tiny_model_folder), base_revision=fingerprint(tiny_model_folder))


@pytest.fixture
def dataset() -> Dataset:
    return build_dataset("ann", [*EXAMPLES, make_example("question 7", SECRET)])


@dataclass
class Side:
    """The server's side of one run."""

    cluster: LocalCluster
    folder: Path
    timeout: float = PATIENCE
    address: str = ""
    on_progress: Callable[[Progress], None] = lambda progress: None
    progress: list[Progress] = field(default_factory=list)
    is_cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def destination(self) -> Path:
        return self.folder / "adapter"

    def train(self, job: TrainingJob, dataset: Dataset) -> JobResult:
        def record(progress: Progress) -> None:
            self.progress.append(progress)
            self.on_progress(progress)

        self.destination.mkdir(parents=True)
        config = RayConfig(self.address or self.cluster.address)
        trainer = RayTrainer(self.folder / "jobs", config, self.timeout)
        try:
            return trainer.run(
                job,
                dataset,
                destination=self.destination,
                on_progress=record,
                is_cancelled=self.is_cancelled.is_set,
            )
        finally:
            assert [*(self.folder / "jobs").iterdir()] == []

    def fail(self, job: TrainingJob, dataset: Dataset) -> str:
        with pytest.raises(TrainingFailedError) as failure:
            self.train(job, dataset)
        assert [*self.destination.iterdir()] == []
        return str(failure.value)


@pytest.fixture
def side(cluster: LocalCluster, tmp_path: Path) -> Side:
    return Side(cluster, tmp_path / "side")


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


def test_two_fits_at_once_have_the_bytes_of_a_child_process(
    cluster: LocalCluster, job: TrainingJob, dataset: Dataset, tmp_path: Path
) -> None:
    first, _ = run_in_child(job, dataset, tmp_path / "child", PATIENCE)
    warm = replace(job, warm_start=True, incumbent=str(first.adapter))
    other = build_dataset("ann", EXAMPLES)
    second, _ = run(warm, other, tmp_path / "here")
    # The nodes find the base of the second in their own cache.
    shutil.copytree(job.base_path, cluster.model_cache / "model")
    warm = replace(warm, base_path=str(tmp_path / "gone" / "model"))
    at_once: list[int] = []

    def count(progress: Progress) -> None:
        at_once.append(len(cluster.training_children()))

    sides = [Side(cluster, tmp_path / name, on_progress=count) for name in ("one", "two")]
    with ThreadPoolExecutor(2) as threads:
        results = [*threads.map(Side.train, sides, (job, warm), (dataset, other))]
    shutil.rmtree(cluster.model_cache / "model")
    assert [weights(each.destination) for each in sides] == [
        weights(first.adapter),
        weights(second.adapter),
    ]
    assert [each.evaluation for each in results] == [first.evaluation, second.evaluation]
    assert max(at_once) == 2
    for each in sides:
        fractions = [progress.fraction for progress in each.progress]
        assert fractions == sorted(fractions)
        assert {"fitting", "measuring drift"} <= {progress.phase for progress in each.progress}


def test_a_run_whose_node_is_lost_starts_again_and_has_the_same_bytes(
    cluster: LocalCluster, side: Side, job: TrainingJob, dataset: Dataset, tmp_path: Path
) -> None:
    long = replace(job, training=TrainingConfig(learning_rate=1e-3, max_steps=60, sft_stop_loss=0))
    expected, _ = run(long, dataset, tmp_path / "here")
    is_killed = threading.Event()

    def kill_once(progress: Progress) -> None:
        if progress.step >= 3 and not is_killed.is_set():
            is_killed.set()
            [process] = cluster.training_children()
            cluster.kill_node_of(process)

    side.on_progress = kill_once
    try:
        side.train(long, dataset)
    finally:
        cluster.add_node()
    assert is_killed.is_set()
    assert "starting again: the node was lost" in {each.phase for each in side.progress}
    assert weights(side.destination) == weights(expected.adapter)


def test_a_cancelled_run_ends_its_task_and_leaves_no_files(
    cluster: LocalCluster, side: Side, job: TrainingJob, dataset: Dataset
) -> None:
    def cancel_once_it_trains(progress: Progress) -> None:
        if progress.phase == "loading the model":
            assert cluster.training_children()
            side.is_cancelled.set()

    side.on_progress = cancel_once_it_trains
    with pytest.raises(TrainingCancelledError):
        side.train(job, dataset)
    assert cluster.training_children() == []
    assert cluster.job_folders == []


def test_the_task_of_a_killed_server_ends_and_leaves_no_files(
    cluster: LocalCluster, job: TrainingJob, tmp_path: Path
) -> None:
    arguments = [str(tmp_path), cluster.address, job.base_path]
    server = subprocess.Popen([sys.executable, "-c", SERVER, *arguments])
    try:
        wait_until(cluster.training_children, PATIENCE)
    finally:
        server.kill()
        server.wait()
    wait_until(lambda: not cluster.training_children() and not cluster.job_folders)


def test_training_that_takes_too_long_is_killed(
    cluster: LocalCluster, side: Side, job: TrainingJob, dataset: Dataset
) -> None:
    side.timeout = 0.5
    assert side.fail(job, dataset) == "training took longer than 0.5 seconds"
    assert cluster.training_children() == []


def test_a_failed_fit_gives_the_reason_of_the_training_process(
    side: Side, job: TrainingJob, dataset: Dataset
) -> None:
    reason = side.fail(replace(job, dtype="float99"), dataset)
    assert reason.startswith("the training process failed with exit code 1: AttributeError: ")


def test_a_node_without_the_base_model_says_what_to_copy(
    cluster: LocalCluster, side: Side, job: TrainingJob, dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "gone" / "model"
    reason = side.fail(replace(job, base_path=str(path)), dataset)
    assert "the base model tiny is not on this machine: copy the server's folder" in reason
    assert f"{path} to {path} or {cluster.model_cache / 'model'}" in reason


def test_a_run_that_no_node_has_room_for_says_so(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "_MIN_WAIT", 1.0)
    config = RayConfig(cluster.address, num_cpus=64)
    with (
        pytest.raises(ClusterError, match="within 1 seconds: it needs num_cpus = 64"),
        Driver(config, 1.0, lambda message: None, lambda: False) as driver,
    ):
        driver.train({})


def test_without_a_cluster_a_run_fails(
    job: TrainingJob, dataset: Dataset, cluster: LocalCluster, tmp_path: Path
) -> None:
    side = Side(cluster, tmp_path / "side", address="127.0.0.1:9")
    assert side.fail(job, dataset).startswith("the Ray cluster 127.0.0.1:9 cannot be used: ")
