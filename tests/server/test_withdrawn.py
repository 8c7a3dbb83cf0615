"""No path leads to a version that learned from feedback that was deleted or changed since.

Two paths have no route: the rollback monitor and the evaluation suite roll back by themselves.
Their tests are beside them, in tests/scheduler/evaluation/; those of runs that are under way are in
tests/scheduler/retrain/.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from feedback.rules.rule import Rule
from scheduler.records import ReplySample, RunStatus, TrainingRun
from server.cli.app import app
from tests.adapters_store.make import make_version
from tests.server.live import LiveServer, Person, chat_body, running
from tests.server.peft_folder import config, put_version_to_use, random_weights
from tests.server.sse import chunks
from tests.server.test_bad_input import assert_refused

ROOT = Path(__file__).parents[2]
WHY = (
    "v2 learned from feedback that was deleted or changed since, so the base model answers until a"
    " training makes a new version."
)
SAMPLE = asdict(ReplySample("A SECRET", "base", "memory", "candidate"))
RULE = asdict(Rule("closing", "A SECRET"))


@dataclass(frozen=True)
class Learner:
    """Somebody whose v2, which is in use, learned two corrections."""

    live: LiveServer
    person: Person
    completions: tuple[str, str]
    feedback: tuple[str, str]

    @property
    def path(self) -> str:
        return f"/v1/admin/adapters/{self.person.id}"

    def client(self) -> httpx.Client:
        return self.live.client(self.person.key)

    def admin(self) -> httpx.Client:
        return self.live.admin()

    def loralei(self, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.live.chat(self.person.key, **body)["loralei"]
        return found

    def me(self) -> dict[str, Any]:
        with self.client() as client:
            found: dict[str, Any] = client.get("/v1/me").json()
        return found

    def delete(self, place: int = 0) -> None:
        with self.client() as client:
            client.delete(f"/v1/feedback/{self.feedback[place]}").raise_for_status()


def learner_on(
    live: LiveServer, person: Person, report: Mapping[str, Any] | None = None
) -> Learner:
    questions = ("What is tea?", "Who was Ada?")
    completions = tuple(live.chat(person.key, each)["id"] for each in questions)
    given = []
    with live.client(person.key) as client:
        for each in completions:
            body = {"target": each, "correction": f"a better reply than {each}"}
            given.append(client.post("/v1/feedback", json=body).json()["id"])
    put_version_to_use(live, person, report)
    return Learner(live, person, (completions[0], completions[1]), (given[0], given[1]))


@pytest.fixture
def learner(live: LiveServer, person: Person) -> Learner:
    return learner_on(live, person)


def test_the_version_answers_before(learner: Learner) -> None:
    assert learner.loralei()["adapter"] == "v2"
    assert "withdrawn" not in learner.loralei()
    assert learner.me()["withdrawn"] is None


def delete_feedback(learner: Learner) -> None:
    learner.delete()


def delete_completion(learner: Learner) -> None:
    with learner.client() as client:
        path = f"/v1/chat/completions/{learner.completions[0]}"
        client.delete(path).raise_for_status()


def change_correction(learner: Learner) -> None:
    body = {"target": learner.completions[0], "correction": "something else"}
    with learner.client() as client:
        client.post("/v1/feedback", json=body | {"id": learner.feedback[0]}).raise_for_status()


@pytest.mark.parametrize("withdraw", [delete_feedback, delete_completion, change_correction])
def test_a_version_stops_answering_at_once(
    learner: Learner, withdraw: Callable[[Learner], None]
) -> None:
    withdraw(learner)
    found = learner.loralei()
    assert (found["adapter"], found["withdrawn"]) == ("base", WHY)
    assert learner.me()["withdrawn"] == WHY


def test_the_base_answers_with_the_memory_that_is_left(learner: Learner) -> None:
    learner.delete()
    assert learner.loralei()["memory"]["demonstrations"] == 1


def in_use(learner: Learner) -> None:
    with learner.client() as client:
        whole = client.post("/v1/chat/completions", json=chat_body())
        streamed = client.post("/v1/chat/completions", json=chat_body(stream=True))
    assert whole.headers["x-loralei-adapter"] == streamed.headers["x-loralei-adapter"] == "base"
    assert chunks(streamed)[0]["loralei"]["withdrawn"] == WHY


def by_name(learner: Learner) -> None:
    with learner.client() as client:
        named = chat_body(loralei={"adapter": "v2"})
        assert_withdrawn(client.post("/v1/chat/completions", json=named))


def by_promotion(learner: Learner) -> None:
    with learner.admin() as admin:
        assert_withdrawn(admin.post(f"{learner.path}/promote", json={"version": "v2"}))


def by_rollback(learner: Learner) -> None:
    with learner.admin() as admin:
        refused = admin.post(f"{learner.path}/rollback")
    assert_refused(refused, 404)
    assert "skipped v2: withdrawn or deleted" in refused.json()["error"]["message"]


def by_rollback_of_a_later_version(learner: Learner) -> None:
    registry = learner.live.services.stores.registry
    later = make_version(learner.person.id, 3, example_ids=(), parent=2)
    registry.register(later)
    registry.promote(learner.person.id, 3, expected=None, by="test", at=1.0, reason="")
    with learner.admin() as admin:
        move = admin.post(f"{learner.path}/rollback").json()
    assert move["to"] == "base"


def by_the_command_line(learner: Learner) -> None:
    for arguments in (("promote", "v2"), ("rollback",), ("evaluate", "v2"), ("export", "v2")):
        command, *version = arguments
        result = CliRunner().invoke(app, ["adapters", command, learner.person.name, *version])
        assert result.exit_code == 1
        assert "v2" in result.output


def by_damage_of_a_later_version(learner: Learner) -> None:
    stores, runtime = learner.live.services.stores, learner.live.services.runtime
    withdrawn = stores.registry.version(learner.person.id, 2)
    missing = make_version(learner.person.id, 3, example_ids=(), parent=2)
    fitting = replace(missing, base_revision=runtime.model.revision, lora=withdrawn.lora)
    stores.registry.register(fitting)
    stores.registry.promote(learner.person.id, 3, expected=None, by="test", at=1.0, reason="")
    assert learner.loralei()["adapter"] == "base"


def by_the_evaluation_suite(learner: Learner) -> None:
    with learner.admin() as admin:
        assert_withdrawn(admin.post(f"{learner.path}/versions/2/evaluate"))


def by_download(learner: Learner) -> None:
    with learner.admin() as admin:
        for form in ("peft", "gguf"):
            path = f"{learner.path}/versions/2/download"
            assert_withdrawn(admin.get(path, params={"format": form}))


def by_export(learner: Learner) -> None:
    with learner.client() as client:
        bundle = zipfile.ZipFile(io.BytesIO(client.get("/v1/me/export").content))
    assert not [name for name in bundle.namelist() if name.startswith("adapter-")]


def by_import_of_its_weights(learner: Learner) -> None:
    with learner.admin() as admin:
        path, weights = f"{learner.path}/versions", random_weights(learner.live, seed=0)
        again = admin.post(path, content=weights, headers=config(learner.live))
    assert_withdrawn(again)
    assert "these are the weights of v2" in again.json()["error"]["message"]


def after_housekeeping(learner: Learner) -> None:
    services = learner.live.services
    folder = services.stores.registry.version(learner.person.id, 2).folder
    services.housekeep()
    assert not (services.settings.data_dir / "adapters" / folder).exists()
    by_name(learner)


def while_frozen(learner: Learner) -> None:
    with learner.admin() as admin:
        admin.post(f"{learner.path}/freeze").raise_for_status()
        frozen = "until an admin unfreezes the adapter and a training makes a new version."
        assert learner.me()["withdrawn"].endswith(frozen)
        assert learner.loralei()["adapter"] == "base"
        admin.post(f"{learner.path}/unfreeze").raise_for_status()
    assert learner.loralei()["adapter"] == "base"


PATHS = (
    in_use,
    by_name,
    by_promotion,
    by_rollback,
    by_rollback_of_a_later_version,
    by_the_command_line,
    by_damage_of_a_later_version,
    by_the_evaluation_suite,
    by_download,
    by_export,
    by_import_of_its_weights,
    after_housekeeping,
    while_frozen,
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_withdrawn_version(
    learner: Learner, path: Callable[[Learner], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALEI_DATA_DIR", str(learner.live.services.settings.data_dir))
    learner.delete()
    path(learner)
    registry = learner.live.services.stores.registry
    active = registry.active(learner.person.id)
    assert active is None or active.withdrawn_at is None


def assert_withdrawn(response: httpx.Response) -> None:
    assert_refused(response, 410)
    error = response.json()["error"]
    assert error["code"] == "adapter_withdrawn"
    assert "learned from feedback that was deleted or changed since" in error["message"]


def test_a_frozen_user_is_answered_by_the_base_once_all_is_deleted(learner: Learner) -> None:
    with learner.admin() as admin:
        admin.post(f"{learner.path}/freeze").raise_for_status()
    learner.delete(0)
    learner.delete(1)
    assert learner.loralei()["adapter"] == "base"


def test_without_feedback_left_the_user_is_told_so(learner: Learner) -> None:
    learner.delete(0)
    learner.delete(1)
    assert learner.me()["withdrawn"].endswith("answers, as no feedback is left to learn from.")


def test_a_copy_that_was_imported_before_is_withdrawn_too(learner: Learner) -> None:
    with learner.admin() as admin:
        download = admin.get(f"{learner.path}/versions/2/download").content
        weights = zipfile.ZipFile(io.BytesIO(download)).read("adapter-v2/adapter_model.safetensors")
        path = f"{learner.path}/versions"
        copy = admin.post(path, content=weights, headers=config(learner.live)).json()
        assert copy["label"] == "v3"
        admin.post(f"{learner.path}/promote", json={"version": "v3"}).raise_for_status()
        learner.delete()
        assert_withdrawn(admin.post(f"{learner.path}/promote", json={"version": "v3"}))
    assert learner.loralei()["adapter"] == "base"


def test_an_admin_sees_what_is_withdrawn_and_that_a_training_is_due(learner: Learner) -> None:
    learner.delete()
    with learner.admin() as admin:
        seen = admin.get(learner.path).json()
    assert [bool(version["withdrawn_at"]) for version in seen["versions"]] == [True, False]
    assert seen["due"] == {
        "due": True,
        "reason": "feedback that the version in use had learned from was deleted or changed",
    }
    assert (seen["promotions"][0]["by"], seen["promotions"][0]["to"]) == ("withdrawal", "base")


def test_no_report_quotes_what_was_withdrawn(live: LiveServer, person: Person) -> None:
    report = {"samples": [SAMPLE], "rules": [RULE], "usage": {}}
    learner = learner_on(live, person, report)
    refused_run(learner, "run-of-withdrawn", report)
    learner.delete()
    kept = reports(learner)
    assert "A SECRET" not in str(kept)
    assert kept.count({"usage": {}}) == 2


def test_a_version_that_did_not_learn_it_keeps_its_report(learner: Learner) -> None:
    registry, report = learner.live.services.stores.registry, {"samples": [SAMPLE]}
    registry.register(make_version(learner.person.id, 3, example_ids=("other",), report=report))
    refused_run(learner, "run-of-other", report, version=3)
    learner.delete()
    assert reports(learner).count(report) == 2


def refused_run(learner: Learner, run_id: str, report: dict[str, Any], **values: Any) -> None:
    """Store a run that ended without a promotion."""
    run = TrainingRun(run_id, learner.person.id, RunStatus.REFUSED, "request", "admin", 1.0)
    row = asdict(run) | {"progress": json.dumps(asdict(run.progress)), "usage": "{}"}
    table = learner.live.services.stores.database.table("runs")
    table.insert(row | {"report": json.dumps(report)} | values)


def reports(learner: Learner) -> list[Mapping[str, Any]]:
    """Of all versions and runs."""
    stores, user_id = learner.live.services.stores, learner.person.id
    of_versions = [each.report for each in stores.registry.versions(user_id)]
    return of_versions + [each.report for each in stores.runs.runs(user_id)]


def test_another_users_version_answers_on(learner: Learner) -> None:
    other = learner_on(learner.live, learner.live.new_person())
    learner.delete()
    assert other.loralei()["adapter"] == "v2"


def test_background_requests_and_the_base_by_name_say_nothing_of_it(learner: Learner) -> None:
    learner.delete()
    assert "withdrawn" not in learner.loralei(loralei={"adapter": "base"})


def test_a_withdrawn_version_is_withdrawn_after_a_restart(tiny_model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"schedule": {"interval": 0, "nightly": ""}, "threads": 1}
    with running(tiny_model, tmp_path / "data", **options) as live:
        person = live.new_person()
        learner = learner_on(live, person)
        folder = live.services.stores.registry.version(person.id, 2).folder
        learner.delete()
    assert (tmp_path / "data" / "adapters" / folder).exists()
    with running(tiny_model, tmp_path / "data", **options) as live:
        again = replace(learner, live=live)
        assert again.loralei()["withdrawn"] == WHY
        by_name(again)
    assert not list((tmp_path / "data" / "adapters").rglob(folder))


def test_a_version_can_be_deleted_with_its_files(learner: Learner) -> None:
    folder = learner.live.services.stores.registry.version(learner.person.id, 1).folder
    with learner.admin() as admin:
        deleted = admin.delete(f"{learner.path}/versions/1").json()
        assert deleted == {"object": "adapter.version.deleted", "label": "v1", "deleted": True}
        assert_refused(admin.get(f"{learner.path}/versions/1"), 404)
        assert_refused(admin.delete(f"{learner.path}/versions/1"), 404)
    assert not (learner.live.services.settings.data_dir / "adapters" / folder).exists()


def test_the_version_in_use_is_not_deleted(learner: Learner) -> None:
    with learner.admin() as admin:
        assert_refused(admin.delete(f"{learner.path}/versions/2"), 409)
    assert learner.loralei()["adapter"] == "v2"


def test_old_versions_go_with_their_files(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", threads=1, versions_kept=1) as live:
        person = live.new_person()
        put_version_to_use(live, person)
        folder = live.services.stores.registry.version(person.id, 1).folder
        live.services.housekeep()
        with live.admin() as admin:
            versions = admin.get(f"/v1/admin/adapters/{person.id}").json()["versions"]
    assert [version["label"] for version in versions] == ["v2"]
    assert not list((tmp_path / "data" / "adapters").rglob(folder))


def test_who_resolves_a_version_to_serve_it_asks_for_a_servable_one() -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for package in ("server", "scheduler")
        for path in (ROOT / package).rglob("*.py")
        if "registry.version(" in path.read_text(encoding="utf-8")
    }
    # These only show it.
    assert callers == {
        "server/learning/taught.py",
        "server/routes/admin/adapters.py",
        "server/routes/admin/evaluations.py",
        "server/routes/admin/versions.py",
    }
