"""A provisional version stays in use only while its replies are not rated worse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import put_version_to_use

PROVISIONAL = {"verdict": {"outcome": "provisional", "reasons": ["The gain is not significant."]}}


@pytest.fixture(scope="module")
def watching(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that checks only when a test says so, and trains nobody."""
    options: dict[str, Any] = {
        "schedule": {"interval": 0, "nightly": ""},
        "policy": {"daily_runs": 0},
        "threads": 1,
        "max_batch_size": 4,
    }
    with running(tiny_model, tmp_path_factory.mktemp("watch") / "data", **options) as server:
        yield server


def rate(server: LiveServer, person: Person, value: str, times: int) -> None:
    """Ask, and rate the reply, several times."""
    with server.client(person.key) as client:
        for number in range(times):
            reply = server.chat(person.key, f"{value} question {number}", max_tokens=2)
            body = {"target": reply["id"], "value": value}
            client.post("/v1/feedback", json=body).raise_for_status()


def adapter(server: LiveServer, person: Person) -> dict[str, Any]:
    """An admin's view of a person's versions."""
    with server.admin() as admin:
        seen: dict[str, Any] = admin.get(f"/v1/admin/adapters/{person.id}").json()
    return seen


def test_thumbs_down_bring_the_former_version_back_with_the_reason(watching: LiveServer) -> None:
    person, other = watching.new_person(), watching.new_person()
    for each in (person, other):
        rate(watching, each, "up", 10)
        put_version_to_use(watching, each, PROVISIONAL)
    assert watching.chat(person.key)["loralei"]["adapter"] == "v2"
    rate(watching, other, "up", 4)
    rate(watching, person, "down", 4)

    watching.services.runtime.scheduler.tick()
    newest = adapter(watching, person)["promotions"][0]
    assert (newest["from"], newest["to"], newest["by"]) == ("v2", "base", "watch")
    assert newest["reason"] == (
        "rolled back automatically: 4 of 4 rated replies were bad, 0 % of 10 before"
    )
    assert watching.chat(person.key)["loralei"]["adapter"] == "base"
    assert adapter(watching, other)["active"] == "v2"
    assert watching.chat(other.key)["loralei"]["adapter"] == "v2"
