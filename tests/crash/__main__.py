"""At least 200 kills: `python -m tests.crash [--kills 200] [--seed N]`.

The seed is printed; the same seed makes the same kills. Moments still differ: they depend on how
quick the machine is.
"""

import argparse
import secrets
import tempfile
import time
from pathlib import Path
from random import Random

from tests.crash.plan import many_kills, ten_kills
from tests.crash.rounds import run_kills


def main() -> None:
    """Carry out the kills. Raises `AssertionError` if anything acknowledged is lost."""
    parser = argparse.ArgumentParser(description="Kills a server and checks what it has stored.")
    parser.add_argument("--kills", type=int, default=200, help="how many at least")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--ten", action="store_true", help="the ten of `make test`")
    options = parser.parse_args()
    random = Random(options.seed)
    kills = ten_kills() if options.ten else many_kills(options.kills, random)
    print(f"{len(kills)} kills, --seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ledger = run_kills(kills, Path(folder), random, lambda line: print(line, flush=True))
    print(
        f"{len(kills)} kills in {time.monotonic() - began:.0f} s: nothing of"
        f" {ledger.num_acknowledged():,} acknowledged changes is lost, doubled or torn"
    )


if __name__ == "__main__":
    main()
