"""What was measured at the last start, kept for `loralei doctor`."""

import contextlib
import json
from dataclasses import asdict
from pathlib import Path

from adapters_store.durable import write_json
from server.base_model.advice import Measured

_FILE = "speed.json"


def save(measured: Measured, probes: Path) -> None:
    """Keep the figures, if the disk takes them."""
    with contextlib.suppress(OSError):
        write_json(probes / _FILE, asdict(measured))


def read(probes: Path) -> Measured | None:
    """The figures, if any start has measured them."""
    try:
        return Measured(**json.loads((probes / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
