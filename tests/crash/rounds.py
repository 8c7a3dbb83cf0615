"""Kills a server again and again on one data folder, and checks after each restart."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx

from server.data_folder import RunningServer
from tests.benchmarks.learning.server import download_adapter
from tests.crash import clients
from tests.crash.checks import note_what_was_learned, problems
from tests.crash.kills import Victim, kill
from tests.crash.ledger import Given, Ledger
from tests.crash.plan import Kill, Work
from tests.crash.process import PATIENCE_SECONDS, Launcher, Order, Server, client, launching
from tests.processes import children
from tests.server.live import Person, chat_body
from tests.tiny_model import LENIENT_GATE, QUICK_TRAINING, build_tiny_model

NUM_TALKERS = 3
# The latest random moment of what was not measured, in seconds.
LATEST_MOMENT = {Work.CHAT: 1.0}
LATEST_MOMENT_ELSE = 0.2
# A real child takes so many times as long as a quick one.
REAL_CHILD_TIMES = 3


class Rounds:
    """One data folder, the people who use it, and what was acknowledged to them."""

    def __init__(self, folder: Path, launcher: Launcher, log: Path, random: Random) -> None:
        self.ledger = Ledger()
        self._folder = folder
        self._data = folder / "data"
        self._switch = folder / "switch"
        self._model = build_tiny_model(folder / "tiny")
        self._launcher = launcher
        self._log = log
        self._read = 0
        self._random = random
        self._latest_moment = dict(LATEST_MOMENT)
        self._people: list[Person] = []
        self._learners: list[Person] = []
        self._trained: list[tuple[Person, Given]] = []

    def set_up(self) -> None:
        """Make the accounts and one trained version, so that all that follows is possible."""
        began = time.monotonic()
        server = self._start(None)
        running = server.when_ready()
        self._latest_moment[Work.START] = time.monotonic() - began
        for number in range(NUM_TALKERS):
            self._people.append(clients.make_person(running, f"talker-{number}"))
        began = time.monotonic()
        self._train_a_learner(running)
        self._latest_moment[Work.TRAINING] = time.monotonic() - began
        self._verify(running)
        _download(running, self._learners[-1], self._folder / "adapter")
        server.stop()

    def run(self, each: Kill) -> None:
        """Start, check what the kill before has left, work, and kill.

        Raises `AssertionError` if something is wrong, or if the kill never came.
        """
        if each.work is Work.START:
            self._kill_at_start(each)
            return
        server = self._start(each)
        running = server.when_ready()
        self._verify(running)
        self._work_and_kill(each, server, running)
        if each.victim is Victim.CHILD:
            status = _status(running, self.ledger.runs[-1])
            assert status == "failed" or each.step is None, f"the run was {status}: {each}"
            server.stop()

    def finish(self) -> None:
        """Check what the last kill has left."""
        server = self._start(None)
        self._verify(server.when_ready())
        server.stop()
        assert not problems(self._data, self.ledger)

    def _start(self, each: Kill | None) -> Server:
        is_child_real = each is not None and each.is_child_real
        settings: dict[str, Any] = {
            "model": str(self._model),
            "data_dir": str(self._data),
            "model_cache": str(self._folder / "cache"),
            "port": 0,
            "threads": 1,
            # With a schedule the child starts with the server: a real one needs seconds.
            "schedule": {"interval": 1e6 if is_child_real else 0, "nightly": ""},
            "training": QUICK_TRAINING,
            "gate": LENIENT_GATE,
        }
        order = Order(settings, self._switch, is_child_real=is_child_real)
        if each is not None:
            order = Order(settings, self._switch, each.step, each.victim, is_child_real)
        return self._launcher.start(order)

    def _kill_at_start(self, each: Kill) -> None:
        with self._switched_on():
            server = self._start(each)
            self._kill_when_it_is_time(each, server)

    def _work_and_kill(self, each: Kill, server: Server, running: RunningServer) -> None:
        act = self._prepared(each.work, running)
        # Others would come to its steps first.
        talkers = [] if each.work is Work.WITHDRAWAL and each.step else self._people
        if each.work is Work.TRAINING:
            talkers = self._people[:1]
        with self._switched_on(), clients.talking(running, self.ledger, talkers):
            with suppress(httpx.TransportError):
                act()
            self._kill_when_it_is_time(each, server)
            if each.victim is Victim.CHILD:
                clients.wait_for_runs(running)

    def _prepared(self, work: Work, running: RunningServer) -> Callable[[], object]:
        """Do what the work needs before; return what begins it, unless the people do that."""
        ledger, user = self.ledger, ""
        if work not in (Work.CHAT, Work.WITHDRAWAL):
            user = self._new_learner(running).id
        if work is Work.BULK_IMPORT:
            return lambda: clients.import_corrections(running, ledger, user)
        if work is Work.TRAINING:
            clients.import_corrections(running, ledger, user)
            return lambda: clients.request_training(running, ledger, user)
        if work is Work.ADAPTER_IMPORT:
            folder = self._folder / "adapter"
            return lambda: clients.import_adapter(running, ledger, user, folder)
        if work is Work.WITHDRAWAL:
            if not self._trained:
                self._train_a_learner(running)
            learner, given = self._trained.pop()
            return lambda: _withdraw(running, learner, given)
        return lambda: None

    def _kill_when_it_is_time(self, each: Kill, server: Server) -> None:
        if each.step is None:
            latest = self._latest_moment.get(each.work, LATEST_MOMENT_ELSE)
            times = REAL_CHILD_TIMES if each.is_child_real else 1
            server.wait(self._random.uniform(0.01, times * latest))
            kill(server.pid, children(server.pid), each.victim)
        if each.victim is Victim.CHILD:
            return
        status = server.wait(PATIENCE_SECONDS)
        assert status == -9, f"the server ended with status {status}: {each}"

    def _train_a_learner(self, running: RunningServer) -> None:
        """Add somebody new, whose version in use has learned corrections."""
        learner = self._new_learner(running)
        given = clients.import_corrections(running, self.ledger, learner.id)
        run = clients.request_training(running, self.ledger, learner.id)
        clients.wait_for_runs(running)
        assert _status(running, run) == "promoted"
        note_what_was_learned(self._data, self.ledger)
        self._trained.append((learner, given[0]))

    def _new_learner(self, running: RunningServer) -> Person:
        learner = clients.make_person(running, f"learner-{len(self._learners)}")
        self._learners.append(learner)
        return learner

    def _verify(self, running: RunningServer) -> None:
        """What was taken up again comes to its end; then everything is as it was acknowledged."""
        clients.wait_for_runs(running)
        found = problems(self._data, self.ledger)
        assert not found, "\n".join(found[:20])
        for learner in self._some_learners():
            _check_version_in_use(running, learner)
        for person in self._people[:1]:
            with client(running, person.key) as http:
                clients.chat(http, self.ledger, person.id, is_streamed=False)
        self._check_log()

    def _some_learners(self) -> list[Person]:
        """Those of the last kills, and a few earlier ones."""
        newest, earlier = self._learners[-2:], self._learners[:-2]
        return newest + self._random.sample(earlier, min(2, len(earlier)))

    def _check_log(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        text = new.decode(errors="replace")
        assert "Traceback" not in text, text[-5000:]

    @contextmanager
    def _switched_on(self) -> Iterator[None]:
        self._switch.touch()
        try:
            yield
        finally:
            self._switch.unlink()


def run_kills(
    kills: Iterable[Kill], folder: Path, random: Random, say: Callable[[str], None]
) -> Ledger:
    """Carry out the kills in turn, and check after each; `say` gets a line for each.

    Returns what was acknowledged. Raises `AssertionError` if anything of it is lost.
    """
    log = folder / "log"
    with log.open("wb") as file, launching(file) as launcher:
        rounds = Rounds(folder, launcher, log, random)
        rounds.set_up()
        for number, each in enumerate(kills, 1):
            began = time.monotonic()
            try:
                rounds.run(each)
            except BaseException:
                say(f"{number}: {each}: failed")
                raise
            say(f"{number}: {each} ({time.monotonic() - began:.1f} s)")
        rounds.finish()
    return rounds.ledger


def _status(running: RunningServer, run: str) -> str:
    with client(running, running.token) as admin:
        status: str = admin.get(f"/v1/admin/runs/{run}").raise_for_status().json()["status"]
    return status


def _withdraw(running: RunningServer, learner: Person, given: Given) -> None:
    with client(running, learner.key) as http:
        clients.delete_feedback(http, given)


def _check_version_in_use(running: RunningServer, learner: Person) -> None:
    """It answers, so its files are whole."""
    with client(running, running.token) as admin:
        seen = admin.get(f"/v1/admin/adapters/{learner.id}").raise_for_status().json()
    body = chat_body(loralei={"adapter": seen["active"], "memory": False}, store=False)
    with client(running, learner.key) as http:
        answer = http.post("/v1/chat/completions", json=body).raise_for_status().json()
    assert answer["loralei"]["adapter"] == seen["active"]


def _download(running: RunningServer, learner: Person, folder: Path) -> None:
    with client(running, running.token) as admin:
        download_adapter(admin, learner.id, folder)
