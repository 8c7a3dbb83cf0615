"""Where Numba keeps what it has compiled: a folder for exactly these sources."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numba

from adapters_store.user_cache import user_cache


def keep_compiled(*shelves: Path) -> None:
    """Keep what is compiled from now on, as long as no source in these folders changes.

    Numba by itself looks only at the file of a function, not at those that it calls or inlines.
    """
    config: Any = numba.config
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(file for shelf in shelves for file in shelf.glob("*.py")):
        digest.update(file.read_bytes())
    config.CACHE_DIR = str(user_cache() / "compiled" / digest.hexdigest()[:32])
