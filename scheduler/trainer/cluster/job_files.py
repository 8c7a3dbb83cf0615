"""A training job and its result as bytes, which need no disk that two machines share."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from adapters_store.files import WEIGHTS_FILE
from adapters_store.models.find import find_model
from adapters_store.user_cache import user_cache
from adapters_store.weights.packed_file import packed_path
from scheduler.records import RayConfig
from scheduler.trainer.job import (
    ADAPTER_FOLDER,
    RESULT_FILE,
    JobResult,
    TrainingJob,
    read_job,
    write_result,
)

Files = Mapping[str, bytes]
"""The contents of files by name."""

_INCUMBENT_FOLDER = "incumbent"


def job_files(folder: Path) -> dict[str, bytes]:
    """The files of the job in `folder`, and the weights of its incumbent."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    incumbent = read_job(folder).incumbent
    if incumbent is not None:
        files[WEIGHTS_FILE] = (Path(incumbent) / WEIGHTS_FILE).read_bytes()
    return files


def unpack_job(files: Files, folder: Path, config: RayConfig) -> TrainingJob:
    """Write the files of a job into `folder`, and fit the job to this machine and its share.

    Raises `ModelFetchError` if the base model is not here.
    """
    for name, content in files.items():
        (folder / name).write_bytes(content)
    job, incumbent = read_job(folder), None
    if WEIGHTS_FILE in files:
        incumbent = folder / _INCUMBENT_FOLDER
        incumbent.mkdir()
        (folder / WEIGHTS_FILE).rename(incumbent / WEIGHTS_FILE)
    cache = Path(os.environ.get("LORALEI_MODEL_CACHE") or user_cache() / "models")
    base = find_model(Path(job.base_path), job.base_model, job.base_revision, cache)
    return replace(
        _with_share(job, config),
        base_path=str(base),
        packed=None if job.packed is None else _packed(job, cache),
        incumbent=None if incumbent is None else str(incumbent),
    )


def result_files(result: JobResult, folder: Path) -> dict[str, bytes]:
    """The files of a result: `result.json`, and those of the adapter. `folder` is for drafts."""
    write_result(
        folder, result.evaluation, result.usage, result.lora_targets, dict(result.rejections)
    )
    adapter = {path.name: path.read_bytes() for path in result.adapter.iterdir()}
    return adapter | {RESULT_FILE: (folder / RESULT_FILE).read_bytes()}


def unpack_result(files: Files, folder: Path) -> None:
    """Write the files of a result to where a training child leaves them.

    Raises `ValueError` if a name is more than a name.
    """
    adapter = folder / ADAPTER_FOLDER
    adapter.mkdir()
    for name, content in files.items():
        if name in ("", "..") or name != Path(name).name:
            raise ValueError("a file of the result has no plain name")
        (folder if name == RESULT_FILE else adapter).joinpath(name).write_bytes(content)


def _with_share(job: TrainingJob, config: RayConfig) -> TrainingJob:
    """All nodes use the same number of threads: other numbers would give other bytes."""
    job = replace(job, threads=config.num_cpus)
    if not config.num_gpus:
        return replace(job, device="cpu")
    # On a GPU weights that are not int8 are plain.
    return replace(job, device="cuda", precision="int8" if job.precision == "int8" else None)


def _packed(job: TrainingJob, cache: Path) -> str:
    """The server's file if this is its machine, else one in the machine's own cache."""
    assert job.packed is not None and job.precision is not None
    if Path(job.packed).exists():
        return job.packed
    return str(packed_path(cache, job.base_revision, job.precision))
