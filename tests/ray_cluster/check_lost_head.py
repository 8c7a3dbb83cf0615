"""A Ray cluster whose head is lost during a run: `make test-ray`."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from adapters_store.models.resolve import fingerprint
from feedback.examples.dataset import build_dataset
from scheduler.errors import TrainingFailedError
from scheduler.records import Progress, RayConfig, TrainingConfig
from scheduler.trainer.cluster.trainer import RayTrainer
from tests.ray_cluster.cluster import local_cluster
from tests.scheduler.trainer.jobs import EXAMPLES, tiny_job


@pytest.mark.timeout(600)
def test_the_run_fails_and_the_server_lives(tiny_model_folder: Path, tmp_path: Path) -> None:
    # A shorter one is done before the nodes give their head up, after a minute.
    long = TrainingConfig(learning_rate=1e-3, max_steps=100_000, sft_stop_loss=0)
    job = replace(
        tiny_job(tiny_model_folder), base_revision=fingerprint(tiny_model_folder), training=long
    )
    is_killed = threading.Event()
    (tmp_path / "adapter").mkdir()
    with local_cluster(tmp_path, num_nodes=1) as cluster:

        def kill_once(progress: Progress) -> None:
            if progress.phase == "loading the model" and not is_killed.is_set():
                is_killed.set()
                cluster.kill_head()

        with pytest.raises(TrainingFailedError):
            RayTrainer(tmp_path / "jobs", RayConfig(cluster.address), 300.0).run(
                job,
                build_dataset("ann", EXAMPLES),
                destination=tmp_path / "adapter",
                on_progress=kill_once,
                is_cancelled=lambda: False,
            )
    assert is_killed.is_set()
