"""A Ray cluster of several nodes on this machine, and what runs on it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

ROOT = Path(__file__).parents[2]

_QUICK_TO_NOTICE = {"health_check_period_ms": 500, "health_check_failure_threshold": 10}


class LocalCluster:
    """A head that trains nothing, and `num_nodes` nodes with one CPU each.

    The nodes have their temporary files and their cache of models in `folder`, and Ray has its own
    in `session`.
    """

    def __init__(self, cluster: Any, folder: Path, session: Path, num_nodes: int) -> None:
        self._cluster = cluster
        self.folder = folder
        self.session = session
        self.nodes: list[Any] = []
        for _ in range(num_nodes):
            self.add_node()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    @property
    def job_folders(self) -> list[Path]:
        """What the nodes hold of jobs."""
        return sorted(self.folder.glob("loralei-job-*"))

    @property
    def model_cache(self) -> Path:
        return self.folder / "models"

    def training_children(self) -> list[int]:
        """The processes on the nodes that train."""
        nodes = {_raylet(node) for node in self.nodes}
        return [
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdecimal()
            and b"scheduler.trainer.child_main" in _command(path)
            and nodes.intersection(_ancestors(int(path.name)))
        ]

    def kill_node_of(self, process: int) -> None:
        """Kill the node that a process runs on, as if its machine was switched off."""
        node = next(each for each in self.nodes if _raylet(each) in _ancestors(process))
        self._cluster.remove_node(node, allow_graceful=False)
        self.nodes.remove(node)

    def add_node(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # A node inherits it, and tests run without settings of the shell.
            patch.setenv("LORALEI_MODEL_CACHE", str(self.model_cache))
            self.nodes.append(self._cluster.add_node(num_cpus=1))

    def kill_head(self) -> None:
        for processes in self._cluster.head_node.all_processes.values():
            for each in processes:
                each.process.kill()


@contextmanager
def local_cluster(folder: Path, num_nodes: int) -> Iterator[LocalCluster]:
    # Ray's sockets need short paths.
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as own,
    ):
        # The nodes inherit these.
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_TMPDIR", own)
        patch.setenv("TMPDIR", str(folder))
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "include_log_monitor": False,
                "_system_config": _QUICK_TO_NOTICE,
            },
        )
        try:
            yield LocalCluster(cluster, folder, Path(own), num_nodes)
        finally:
            cluster.shutdown()


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _ancestors(process: int) -> Iterator[int]:
    while process > 1:
        try:
            status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        except OSError:
            return  # it has ended
        process = int(status.rpartition(")")[2].split()[1])
        yield process


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)
