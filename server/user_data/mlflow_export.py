"""Training runs in the files of MLflow's local store, so that its tools read them.

The layout is that of `mlruns/` in MLflow 2 and 3: a folder per run with `meta.yaml`, and a file per
parameter, metric and tag. Its YAML is written as JSON scalars, which are YAML, too.
"""

import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from scheduler.records import RunStatus, TrainingRun
from scheduler.version_report import VersionReport, read_report

EXPERIMENT = "1"
_FOLDERS = ("artifacts", "metrics", "params", "tags")
_IN_MEMORY = 8 << 20
_MAX_PARAMETER = 6000
# `mlflow.entities.RunStatus`
_STATUSES = {
    RunStatus.QUEUED: 2,
    RunStatus.RUNNING: 1,
    RunStatus.PROMOTED: 3,
    RunStatus.REFUSED: 3,
    RunStatus.FAILED: 4,
    RunStatus.CANCELLED: 5,
}
_LOCAL = 4  # `mlflow.entities.SourceType`
_UNSAFE = re.compile(r"[^\w .-]")


def mlflow_archive(runs: Iterable[TrainingRun], user_names: Mapping[str, str]) -> IO[bytes]:
    """A ZIP file of `mlruns/` with these runs, open at its start; runs of nobody are left out."""
    archive = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed when sent
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, text in _experiment():
            bundle.writestr(f"mlruns/{EXPERIMENT}/{path}", text)
        for run in runs:
            if run.user_id in user_names:
                for folder in _FOLDERS:  # MLflow opens no run that lacks one
                    bundle.mkdir(f"mlruns/{EXPERIMENT}/{run_id(run)}/{folder}")
                for path, text in run_files(run, user_names[run.user_id]):
                    bundle.writestr(f"mlruns/{EXPERIMENT}/{run_id(run)}/{path}", text)
    archive.seek(0)
    return archive


def run_id(run: TrainingRun) -> str:
    """The run's id as MLflow has ids: 32 hexadecimal digits."""
    return run.id.removeprefix("run-")


def run_files(run: TrainingRun, user_name: str) -> Iterator[tuple[str, str]]:
    """The files of one run, path and text."""
    report = read_report(run.report)
    yield "meta.yaml", _yaml(_meta(run, user_name))
    for name, value in _parameters(run, report).items():
        yield f"params/{_name(name)}", str(value)[:_MAX_PARAMETER]
    at = _milliseconds(run.finished_at or run.created_at)
    for name, points in _metrics(run, report).items():
        yield f"metrics/{_name(name)}", "".join(f"{at} {y} {x}\n" for x, y in points)
    for name, value in _tags(run, user_name).items():
        yield f"tags/{_name(name)}", value


def _experiment() -> Iterator[tuple[str, str]]:
    yield (
        "meta.yaml",
        _yaml(
            {
                "artifact_location": f"mlruns/{EXPERIMENT}",
                "experiment_id": EXPERIMENT,
                "lifecycle_stage": "active",
                "name": "loralei",
            }
        ),
    )


def _meta(run: TrainingRun, user_name: str) -> dict[str, Any]:
    return {
        "artifact_uri": f"mlruns/{EXPERIMENT}/{run_id(run)}/artifacts",
        "end_time": None if run.finished_at is None else _milliseconds(run.finished_at),
        "entry_point_name": "",
        "experiment_id": EXPERIMENT,
        "lifecycle_stage": "active",
        "run_id": run_id(run),
        "run_name": _run_name(run, user_name),
        "run_uuid": run_id(run),
        "source_name": "loralei",
        "source_type": _LOCAL,
        "source_version": "",
        "start_time": _milliseconds(run.started_at or run.created_at),
        "status": _STATUSES[run.status],
        "tags": [],
        "user_id": run.requested_by,
    }


def _parameters(run: TrainingRun, report: VersionReport) -> dict[str, Any]:
    training = dict(report.fit.training) if report.fit else {}
    known = {
        **training,
        "dataset_hash": run.dataset_hash,
        "teacher": report.teacher.kind.value if report.teacher else None,
        "start_version": report.fit.start if report.fit else None,
        "rules": " ".join(rule.sentence for rule in report.rules) or None,
        "accepted_examples": report.curation.accepted if report.curation else None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _metrics(run: TrainingRun, report: VersionReport) -> dict[str, list[tuple[int, float]]]:
    """Points of (step, value) by name."""
    single = {f"evaluation.{name}": value for name, value in report.evaluation.items()}
    single |= {f"usage.{name}": value for name, value in {**report.usage, **run.usage}.items()}
    for measure in report.verdict.measures if report.verdict else ():
        for who in ("candidate", "base", "memory", "bound"):
            single[f"{measure.name}.{who}"] = getattr(measure, who)
    metrics = {
        name: [(0, value)]
        for name, value in single.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    losses: list[tuple[int, float]] = []
    for phase in report.curve:
        before = losses[-1][0] if losses else 0
        losses += [(before + step, loss) for step, loss in phase.points]
    return metrics | ({"loss": losses} if losses else {})


def _tags(run: TrainingRun, user_name: str) -> dict[str, str]:
    return {
        "mlflow.runName": _run_name(run, user_name),
        "mlflow.user": run.requested_by,
        "mlflow.source.name": "loralei",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": run.reason,
        "loralei.user": run.user_id,
        "loralei.user_name": user_name,
        "loralei.status": run.status.value,
        "loralei.trigger": run.trigger,
        "loralei.version": "" if run.version is None else f"v{run.version}",
    }


def _run_name(run: TrainingRun, user_name: str) -> str:
    return f"{user_name} v{run.version}" if run.version else f"{user_name} {run.status.value}"


def _name(name: str) -> str:
    return _UNSAFE.sub("_", name)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _yaml(values: Mapping[str, Any]) -> str:
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())
