"""Memory of the server, and of the training child beside it.

    python -m tests.benchmarks.bench_memory serving|training MODEL

MODEL is a built-in name or a folder of weights. Proportional set sizes count a page that n
processes share as one n-th in each. Linux only.
"""

import sys
from collections.abc import Callable, Mapping

from tests.benchmarks.memory.serving import measure_serving
from tests.benchmarks.memory.training import measure_training

PARTS: Mapping[str, Callable[[str], str]] = {
    "serving": measure_serving,
    "training": measure_training,
}


def main() -> None:
    """Measure one part on one model, and print the table."""
    if len(sys.argv) != 3 or sys.argv[1] not in PARTS:
        raise SystemExit(f"usage: python -m tests.benchmarks.bench_memory {'|'.join(PARTS)} MODEL")
    print(PARTS[sys.argv[1]](sys.argv[2]))


if __name__ == "__main__":
    main()
