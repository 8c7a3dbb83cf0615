"""What training used, per run and per user, and what that cost if a price is set."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scheduler.records import RunStatus
from server.cli.views import adapter_view, adapters_table
from tests.server.live import LiveServer, Person, running


@pytest.fixture(scope="module")
def priced(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose device costs 3.60 an hour."""
    data = tmp_path_factory.mktemp("priced") / "data"
    schedule = {"interval": 0, "nightly": ""}
    with running(tiny_model, data, schedule=schedule, threads=1, price_per_device_hour=3.6) as live:
        yield live


def use_device(live: LiveServer, person: Person, seconds: float) -> str:
    """Leave a run that used the device for so long; returns its id."""
    runs = live.services.stores.runs
    run = runs.create(person.id, trigger="request", requested_by="test", at=time.time())
    usage = {"device_seconds": seconds}
    # Nothing but this test works the run: the server does not know of it.
    assert runs.start(run.id, time.time())
    runs.finish(run.id, RunStatus.REFUSED, "no better", at=time.time(), usage=usage)
    return run.id


def read(live: LiveServer, path: str) -> Any:
    """An admin's view."""
    with live.admin() as admin:
        return admin.get(f"/v1/admin/{path}").json()


def shown(live: LiveServer, person: Person) -> str:
    """What the command line shows of somebody's adapter, first in the list of all."""
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(adapters_table(read(live, "adapters")["data"]))
    console.print(adapter_view(read(live, f"adapters/{person.id}")))
    return console.export_text()


def test_a_run_says_its_device_time_and_its_cost(priced: LiveServer) -> None:
    run_id = use_device(priced, priced.new_person(), 250.0)
    assert read(priced, f"runs/{run_id}")["usage"] == {"device_seconds": 250.0, "cost": 0.25}


def test_the_runs_of_a_user_add_up(priced: LiveServer) -> None:
    person, other = priced.new_person(), priced.new_person()
    for seconds in (1000.0, 500.0):
        use_device(priced, person, seconds)
    expected = {"device_seconds": 1500.0, "cost": 1.5}
    assert read(priced, f"adapters/{person.id}")["usage"] == expected
    assert read(priced, f"users/{person.id}")["usage"] == expected
    listed = {row["user"]: row["usage"] for row in read(priced, "adapters")["data"]}
    assert listed[person.id] == expected
    assert listed[other.id] == {"device_seconds": 0.0, "cost": 0.0}
    assert shown(priced, person).count("25 min, 1.50") == 2


def test_without_a_price_only_time_is_shown(live: LiveServer, person: Person) -> None:
    run_id = use_device(live, person, 95.0)
    assert read(live, f"runs/{run_id}")["usage"] == {"device_seconds": 95.0}
    assert read(live, f"adapters/{person.id}")["usage"] == {"device_seconds": 95.0}
    assert "trained for 95 s\n" in shown(live, person)
