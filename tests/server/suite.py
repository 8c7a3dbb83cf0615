"""Runs of the evaluation suite without a model that could pass it."""

import time
from typing import Any

from scheduler.evaluation.suite.records import SuiteConfig, SuiteStatus
from scheduler.evaluation.suite.suite import Suite
from scheduler.measure import Measure
from tests.scheduler.evaluation.suite.ideal import FakeSuiteModel
from tests.server.live import LiveServer, Person

MEASURES = (
    Measure(
        "instruction following",
        candidate=0.25,
        base=0.5,
        memory=None,
        n=40,
        bound=0.4,
        is_met=False,
        sentence="It follows 10 of 40 instructions, the base model 20.",
        examples=("Answer in <b>one</b> word.",),
    ),
    Measure("diversity", 0.75, 0.8, None, 8, 0.64, True, "Of the word pairs 75% are distinct."),
)


def let_the_base_be_ideal(live: LiveServer) -> None:
    """Have the server believe that its base model once gave the ideal answers."""
    suite = Suite(
        FakeSuiteModel(),
        revision=live.services.runtime.model.revision,
        cache=live.services.stores.folder.reference_replies,
        config=SuiteConfig(),
    )
    suite.base_answers(lambda done: None, lambda: False)


def give_verdict(live: LiveServer, person: Person) -> None:
    """Have the suite refuse somebody's first version, which stays as it is."""
    store = live.services.stores.suite_runs
    made = {"base_revision": live.services.runtime.model.revision, "requested_by": "test"}
    run = store.create(person.id, 1, trigger="request", at=time.time(), **made)
    # Nobody wakes the server's own thread for it.
    assert store.start(run.id, time.time())
    reason = MEASURES[0].sentence
    store.finish(run.id, SuiteStatus.REFUSED, reason, at=time.time(), measures=MEASURES)


def path_of(person: Person, number: int = 1) -> str:
    """The route of a version's suite."""
    return f"/v1/admin/adapters/{person.id}/versions/{number}/evaluate"


def end_of(live: LiveServer, person: Person) -> dict[str, Any]:
    """The newest run of somebody's first version, once it has ended."""
    deadline = time.monotonic() + 120
    with live.admin() as admin:
        while True:
            run: dict[str, Any] = admin.get(path_of(person)).json()
            if run["status"] not in ("queued", "running"):
                return run
            assert time.monotonic() < deadline, run
            time.sleep(0.1)
