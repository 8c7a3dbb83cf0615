"""Paragraphs of a model, each edited by the same three professional writers. Pure.

They are from LAMP (Chakrabarty et al. 2024, arXiv 2409.14509; BSD-3-Clause).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

FILE = "lamp_three_writers.jsonl"
WRITERS = ("W3", "W12", "W16")
NUM_TAUGHT = 20


@dataclass(frozen=True, slots=True)
class Row:
    """An instruction, the model's paragraph, and its edits in the order of `WRITERS`."""

    id: str
    instruction: str
    paragraph: str
    edits: tuple[str, ...]


def read_rows(file: Path) -> list[Row]:
    """The rows of a file. White space around an edit is nobody's style, and is left out."""
    stored = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        Row(
            f"lamp-{number}",
            row["instruction"],
            row["before"],
            tuple(row[writer].strip() for writer in WRITERS),
        )
        for number, row in enumerate(stored)
    ]


def split_rows(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows that teach, and those to test with, in a fixed order."""
    shuffled = Random(0).sample(rows, len(rows))
    return shuffled[:NUM_TAUGHT], shuffled[NUM_TAUGHT:]
