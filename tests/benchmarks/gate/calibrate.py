"""Makes the adapters of a plan that are missing, on a running server."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from rich.progress import Progress

from server.cli.demo_server import Api
from tests.benchmarks.gate.exchanges import Exchange, Exchanges, ask_missing
from tests.benchmarks.gate.kinds import KINDS, judgements
from tests.benchmarks.gate.plan import Piece, GateResult, GateResults
from tests.benchmarks.gate.rows import import_lines
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.server import files_client
from tests.benchmarks.learning.simulated_user import train


class Calibrating:
    """Every adapter is a user's first: judged, trained, tried and decided on by the server."""

    def __init__(
        self, url: str, admin_key: str, prompts: Sequence[Prompt], known: Exchanges, bar: Progress
    ) -> None:
        self._admin = Api(url, admin_key)
        self._url = url
        self._admin_key = admin_key
        self._prompts = prompts
        self._known = known
        self._bar = bar

    def run(self, pieces: Sequence[Piece], done: GateResults) -> None:
        """Try these adapters, and keep what came of each."""
        with closing(self._admin):
            asking = self._bar.add_task(
                "the base's replies", total=len(self._prompts), completed=len(list(self._known))
            )
            exchanges = ask_missing(
                self._admin, self._prompts, self._known, lambda: self._bar.advance(asking)
            )
            trying = self._bar.add_task("", total=len(pieces))
            for piece in pieces:
                self._bar.update(trying, description=f"{piece.group}: {piece.kind}, {piece.seed}")
                done.append([self._try(piece, exchanges)])
                self._bar.advance(trying)

    def _try(self, piece: Piece, exchanges: Sequence[Exchange]) -> GateResult:
        name = f"{piece.kind.replace(' ', '-')}-{piece.seed}-{piece.num_feedback}"
        self._admin.post("/v1/admin/users", {"name": name})
        judged = judgements(KINDS[piece.kind], piece.seed, exchanges, piece.num_feedback)
        with files_client(self._url, self._admin_key) as http:
            lines = import_lines(name, judged, time.time())
            http.post(f"/v1/admin/users/{name}/feedback", content=lines).raise_for_status()
        run = train(self._admin, name, len(judged))
        return GateResult(piece, run, datetime.now(UTC).isoformat(timespec="seconds"))
