"""Trains the adapters of a plan that have no result yet, on a running server."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from rich.progress import Progress

from server.client import Client
from tests.benchmarks.gate.exchanges import Exchange, Exchanges, ask_missing
from tests.benchmarks.gate.import_lines import import_lines
from tests.benchmarks.gate.kinds import KINDS, draw_feedback
from tests.benchmarks.gate.plan import GateResult, GateResults, Piece
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.server import files_client
from tests.benchmarks.learning.simulated_user import train


class Calibrating:
    """Every adapter is a new user's first: the server trains and probes it and decides on it."""

    def __init__(
        self, url: str, admin_key: str, prompts: Sequence[Prompt], known: Exchanges, bar: Progress
    ) -> None:
        self._admin = Client(url, admin_key)
        self._url = url
        self._admin_key = admin_key
        self._prompts = prompts
        self._known = known
        self._bar = bar

    def run(self, pieces: Sequence[Piece], done: GateResults) -> None:
        """Train these adapters, and store each result."""
        with closing(self._admin):
            asking = self._bar.add_task(
                "the base's replies", total=len(self._prompts), completed=len(list(self._known))
            )
            exchanges = ask_missing(
                self._admin, self._prompts, self._known, lambda: self._bar.advance(asking)
            )
            training = self._bar.add_task("", total=len(pieces))
            for piece in pieces:
                self._bar.update(training, description=f"{piece.group}: {piece.kind}, {piece.seed}")
                done.append([self._train(piece, exchanges)])
                self._bar.advance(training)

    def _train(self, piece: Piece, exchanges: Sequence[Exchange]) -> GateResult:
        name = f"{piece.kind.replace(' ', '-')}-{piece.seed}-{piece.num_feedback}"
        self._admin.post("/v1/admin/users", {"name": name})
        items = draw_feedback(KINDS[piece.kind], piece.seed, exchanges, piece.num_feedback)
        with files_client(self._url, self._admin_key) as http:
            lines = import_lines(name, items, time.time())
            http.post(f"/v1/admin/users/{name}/feedback", content=lines).raise_for_status()
        run = train(self._admin, name, len(items))
        return GateResult(piece, run, datetime.now(UTC).isoformat(timespec="seconds"))
