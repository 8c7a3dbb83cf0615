"""A version that nobody proved better answers only while its replies are not judged worse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, Person, running
from tests.server.peft_folder import put_version_to_use

PROVISIONAL = {"verdict": {"outcome": "provisional", "reasons": ["A gain is not proven."]}}


@pytest.fixture(scope="module")
def watching(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that looks when a test says so, and then trains nobody."""
    options: dict[str, Any] = {
        "schedule": {"interval": 0, "nightly": ""},
        "policy": {"daily_runs": 0},
        "threads": 1,
        "max_batch_size": 4,
    }
    with running(tiny_model, tmp_path_factory.mktemp("watch") / "data", **options) as server:
        yield server


def judge(server: LiveServer, person: Person, value: str, times: int) -> None:
    """Ask, and judge the reply, again and again."""
    with server.client(person.key) as client:
        for number in range(times):
            reply = server.chat(person.key, f"{value} question {number}", max_tokens=2)
            body = {"target": reply["id"], "value": value}
            client.post("/v1/feedback", json=body).raise_for_status()


def adapter(server: LiveServer, person: Person) -> dict[str, Any]:
    """What an admin sees of somebody's versions."""
    with server.admin() as admin:
        seen: dict[str, Any] = admin.get(f"/v1/admin/adapters/{person.id}").json()
    return seen


def test_thumbs_down_bring_the_former_version_back_with_the_reason(watching: LiveServer) -> None:
    person, other = watching.new_person(), watching.new_person()
    for each in (person, other):
        judge(watching, each, "up", 10)
        put_version_to_use(watching, each, PROVISIONAL)
    assert watching.chat(person.key)["loralei"]["adapter"] == "v2"
    judge(watching, other, "up", 4)
    judge(watching, person, "down", 4)

    watching.services.runtime.scheduler.tick()
    newest = adapter(watching, person)["promotions"][0]
    assert (newest["from"], newest["to"], newest["by"]) == ("v2", "base", "watch")
    assert newest["reason"] == (
        "rolled back by itself: 4 of 4 judgements of its replies were bad, 0 % of 10 before"
    )
    assert watching.chat(person.key)["loralei"]["adapter"] == "base"
    assert adapter(watching, other)["active"] == "v2"
    assert watching.chat(other.key)["loralei"]["adapter"] == "v2"
