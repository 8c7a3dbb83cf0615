"""Where what can be fetched or made again is kept."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The user's cache folder (XDG base directory specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loralei"
