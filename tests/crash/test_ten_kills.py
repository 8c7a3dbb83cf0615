"""Ten kills at the moments that matter most. `make test-crash` makes at least 200."""

from pathlib import Path
from random import Random

from tests.crash.plan import ten_kills
from tests.crash.rounds import run_kills


def test_ten_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    ledger = run_kills(ten_kills(), tmp_path, Random(0), print)
    assert ledger.num_acknowledged() > 50
