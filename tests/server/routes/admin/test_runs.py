import json
import time
from pathlib import Path

from scheduler.records import Progress
from tests.server.live import LiveServer, Person, running
from tests.server.test_bad_input import assert_refused


def test_a_training_without_anything_to_learn_is_refused_with_a_reason(
    live: LiveServer, person: Person
) -> None:
    with live.admin() as admin:
        asked = admin.post(f"/v1/admin/adapters/{person.name}/train")
        assert asked.status_code == 202
        run = asked.json()
        assert (run["user"], run["requested_by"]) == (person.id, "admin")
        events = admin.get(f"/v1/admin/runs/{run['id']}/events")
        last = json.loads(events.text.rstrip().rpartition("data: ")[2])
        assert last["status"] == "refused" and last["reason"]
        assert admin.get(f"/v1/admin/runs/{run['id']}").json() == last
        listed = admin.get("/v1/admin/runs", params={"user": person.name}).json()["data"]
        assert listed == [last | {"user_name": person.name}]
    with live.client(person.key) as client:
        assert client.get("/v1/me").json()["training"]["id"] == run["id"]


def test_progress_is_sent_as_it_changes_until_the_end(live: LiveServer, person: Person) -> None:
    runs = live.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=time.time())
    # Taken from the queue by hand: nothing but this test works it.
    if not runs.start(run.id, time.time()):
        return
    with (
        live.admin() as admin,
        admin.stream("GET", f"/v1/admin/runs/{run.id}/events") as response,
    ):
        lines = (line for line in response.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines)[6:])["status"] == "running"
        runs.progress(run.id, Progress(phase="train", fraction=0.5, step=3, steps=6, loss=1.0))
        assert json.loads(next(lines)[6:])["progress"]["step"] == 3
        live.services.stores.runs.erase(person.id)
        assert list(lines) == []


def test_unknown_runs_are_404s(live: LiveServer) -> None:
    with live.admin() as admin:
        for path in ("run-unknown", "run-unknown/events"):
            assert_refused(admin.get(f"/v1/admin/runs/{path}"), 404)
        assert_refused(admin.post("/v1/admin/runs/run-unknown/cancel"), 404)
        assert_refused(admin.get("/v1/admin/runs?user=nobody"), 404)
        assert_refused(admin.get("/v1/admin/runs?limit=0"), 400, "limit")


def test_a_stopping_server_ends_the_streams_of_runs(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data", threads=1) as server:
        person = server.new_person()
        runs = server.services.stores.runs
        run = runs.create(person.id, trigger="request", requested_by="test", at=time.time())
        runs.start(run.id, time.time())
        with (
            server.admin() as admin,
            admin.stream("GET", f"/v1/admin/runs/{run.id}/events") as response,
        ):
            lines = response.iter_lines()
            next(lines)
            server.services.begin_drain()
            assert not any(line.startswith("data") for line in lines)
