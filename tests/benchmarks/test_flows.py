"""An adapter on a tiny model: judged, trained and decided on by the server, and kept."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.gate.calibrate import Calibrating
from tests.benchmarks.gate.exchanges import Exchanges
from tests.benchmarks.gate.plan import Piece, TriedPieces
from tests.benchmarks.learning.prompts import Prompt
from tests.server.live import running

PIECE = Piece("refusal", 0, 4)
PROMPTS = [Prompt(f"task-{n}", f"Count to {n}.") for n in range(6)]


def test_an_adapter_is_decided_on_and_kept(tmp_path: Path, tiny_model_folder: Path) -> None:
    tried = TriedPieces(tmp_path / "gate.jsonl")
    options = {"schedule": {"interval": 0, "nightly": ""}, "training": {"max_steps": 1}}
    with (
        running(tiny_model_folder, tmp_path / "server", threads=1, **options) as server,
        Progress(console=Console(quiet=True)) as bar,
    ):
        known = Exchanges(tmp_path / "gate-replies.jsonl")
        calibrating = Calibrating(server.url, server.admin_key, PROMPTS, known, bar)
        calibrating.run([PIECE], tried)

    [one] = TriedPieces(tmp_path / "gate.jsonl")
    assert one.piece == PIECE and one.run.judged == 4
    assert one.run.status in ("promoted", "refused")
    assert one.run.report["evaluation"]["held_out_rows"] == 1
    assert len(list(Exchanges(tmp_path / "gate-replies.jsonl"))) == len(PROMPTS)
