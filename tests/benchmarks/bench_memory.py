"""Memory of the server, and of the training child beside it.

    python -m tests.benchmarks.bench_memory serving|training MODEL [--no-write]

MODEL is a built-in name or a folder of weights. Proportional set sizes count a page that n
processes share as one n-th in each. Linux only.
"""

import argparse
from collections.abc import Callable, Mapping

from tests.benchmarks.memory.serving import measure_serving
from tests.benchmarks.memory.training import measure_training
from tests.benchmarks.report import show_section

PARTS: Mapping[str, Callable[[str], str]] = {
    "serving": measure_serving,
    "training": measure_training,
}


def main() -> None:
    """Measure one part on one model, print the table and write it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("model")
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    text = PARTS[options.part](options.model)
    show_section(f"memory {options.part} {options.model}", text, is_written=not options.no_write)


if __name__ == "__main__":
    main()
