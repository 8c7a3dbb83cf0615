"""Training runs as the files of MLflow's local store."""

import io
import json
import zipfile
from typing import Any

from scheduler.measure import Measure
from scheduler.records import LossPhase, Outcome, RunStatus, TrainingRun, Verdict
from scheduler.version_report import VersionReport
from server.user_data.mlflow_export import mlflow_archive
from tests.server.live import LiveServer, Person
from tests.server.test_bad_input import assert_refused

MEASURE = Measure("held-out wins", 9.0, 4.5, None, 12, 7.0, True, "It wins.")
REPORT = VersionReport(
    evaluation={"held_out_loss": 1.25, "incumbent_loss": None},
    verdict=Verdict(Outcome.SIGNIFICANT, ("It wins.",), (MEASURE,)),
    curve=(LossPhase("fitting", ((1, 2.0), (2, 1.5))), LossPhase("adding", ((1, 1.0),))),
)
RUN = TrainingRun(
    id="run-" + 32 * "a",
    user_id="user-1",
    status=RunStatus.PROMOTED,
    trigger="request",
    requested_by="admin",
    created_at=1.0,
    started_at=2.0,
    finished_at=3.0,
    reason="It wins.",
    version=4,
    dataset_hash="abc",
    report=REPORT.to_json(),
    usage={"device_seconds": 12.5, "device": "cpu"},
)
FOLDER = f"mlruns/1/{32 * 'a'}"


def unzipped(archive: bytes) -> dict[str, str]:
    """The files of a ZIP by their paths."""
    bundle = zipfile.ZipFile(io.BytesIO(archive))
    return {name: bundle.read(name).decode() for name in bundle.namelist()}


def exported() -> dict[str, str]:
    """The files of an export of `RUN` alone."""
    with mlflow_archive([RUN], {"user-1": "ann"}) as archive:
        return unzipped(archive.read())


def meta(text: str) -> dict[str, Any]:
    """The values of a `meta.yaml`."""
    pairs = (line.split(": ", 1) for line in text.splitlines())
    return {name: json.loads(value) for name, value in pairs}


def add_run(live: LiveServer, person: Person) -> str:
    """A cancelled run; its id as MLflow has it."""
    runs = live.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=1.0)
    runs.request_cancel(run.id, 2.0)
    return run.id.removeprefix("run-")


def test_a_run_has_its_status_and_times() -> None:
    files = exported()
    run = meta(files[f"{FOLDER}/meta.yaml"])
    assert (run["status"], run["start_time"], run["end_time"]) == (3, 2000, 3000)
    assert (run["run_id"], run["run_name"]) == (32 * "a", "ann v4")


def test_a_run_has_every_folder_that_mlflow_wants() -> None:
    files = exported()
    wanted = {f"{FOLDER}/{each}/" for each in ("artifacts", "metrics", "params", "tags")}
    assert wanted <= files.keys()


def test_a_run_has_its_parameters_metrics_and_tags() -> None:
    files = exported()
    assert files[f"{FOLDER}/params/dataset_hash"] == "abc"
    assert files[f"{FOLDER}/metrics/evaluation.held_out_loss"] == "3000 1.25 0\n"
    assert files[f"{FOLDER}/metrics/held-out wins.base"] == "3000 4.5 0\n"
    assert files[f"{FOLDER}/metrics/usage.device_seconds"] == "3000 12.5 0\n"
    assert files[f"{FOLDER}/tags/loralei.user_name"] == "ann"


def test_what_was_not_measured_is_no_metric() -> None:
    files = exported()
    metrics = {path.rpartition("/")[2] for path in files if "/metrics/" in path}
    assert metrics.isdisjoint({"evaluation.incumbent_loss", "held-out wins.memory", "usage.device"})


def test_the_steps_of_a_later_phase_follow_on_the_earlier_ones() -> None:
    files = exported()
    assert files[f"{FOLDER}/metrics/loss"] == "3000 2.0 1\n3000 1.5 2\n3000 1.0 3\n"


def test_the_export_of_one_user_has_no_run_of_another(live: LiveServer, person: Person) -> None:
    mine, others = add_run(live, person), add_run(live, live.new_person())
    with live.admin() as admin:
        whole = unzipped(admin.get("/v1/admin/runs/export").content)
        own = unzipped(admin.get("/v1/admin/runs/export", params={"user": person.id}).content)
    assert {f"mlruns/1/{each}/meta.yaml" for each in (mine, others)} <= whole.keys()
    assert f"mlruns/1/{mine}/meta.yaml" in own
    assert not [path for path in own if others in path]


def test_a_limit_that_is_too_large_is_refused(live: LiveServer) -> None:
    with live.admin() as admin:
        assert_refused(admin.get("/v1/admin/runs/export", params={"limit": "1001"}), 400, "limit")
