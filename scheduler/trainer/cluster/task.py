"""A training run on a node of the cluster. Imports neither Ray nor PyTorch."""

import queue
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from adapters_store.errors import ModelFetchError
from feedback.examples.dataset import read as read_dataset
from scheduler.errors import TrainingCancelledError, TrainingFailedError
from scheduler.records import Progress, RayConfig
from scheduler.trainer.cluster.job_files import Files, result_files, unpack_job
from scheduler.trainer.cluster.job_folder import job_folder
from scheduler.trainer.job import ADAPTER_FOLDER, DATASET_FILE
from scheduler.trainer.worker import ProcessTrainer

Message = dict[str, Any]
"""`begun`, `progress` (as a training child sends it), `files` (the result) or `failed` (why)."""

_POLL = 0.05  # seconds; Ray interrupts only a thread that is not in a system call


def train_files(files: Files, config: RayConfig, timeout: float) -> Generator[Message]:
    """Train a job in a child process; yield its progress, and at last how it ended.

    Nothing that may hold a user's text is raised or printed: Ray logs both. If this is interrupted,
    the child is killed and the job's files are removed.
    """
    messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    is_cancelled = threading.Event()
    thread = threading.Thread(
        target=_train, args=(files, config, timeout, messages.put, is_cancelled.is_set)
    )
    thread.start()
    try:
        yield {"begun": True}
        while True:
            with suppress(queue.Empty):
                message = messages.get(timeout=_POLL)
                if message is None:
                    return
                yield message
    finally:
        is_cancelled.set()
        thread.join()


def _train(
    files: Files,
    config: RayConfig,
    timeout: float,
    send: Callable[[Message | None], None],
    is_cancelled: Callable[[], bool],
) -> None:
    def report(progress: Progress) -> None:
        send({"progress": asdict(progress)})

    try:
        with job_folder() as folder:
            report(Progress("finding the model"))
            job = unpack_job(files, folder, config)
            adapter = folder / ADAPTER_FOLDER
            adapter.mkdir()
            # Ray has lowered this process's priority.
            trainer = ProcessTrainer(folder / "jobs", lambda: False, timeout, is_nice=False)
            result = trainer.run(
                job,
                read_dataset(folder / DATASET_FILE),
                destination=adapter,
                on_progress=report,
                is_cancelled=is_cancelled,
            )
            send({"files": result_files(result, folder)})
    except TrainingCancelledError:
        pass  # nobody waits
    except TrainingFailedError as error:
        send({"failed": str(error)})
    except ModelFetchError as error:
        send({"failed": f"{socket.gethostname()} cannot train: {error}"})
    except Exception as error:
        send({"failed": f"the node failed: {type(error).__name__}: {error}"[:500]})
    finally:
        send(None)
