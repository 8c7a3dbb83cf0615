"""Environments for clients of Python, beside the server's own: their versions differ."""

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from server.settings import default_model_cache


def environment(name: str, requirements: Path, seconds: float) -> Path:
    """The Python of an environment with these packages, made once per list of versions."""
    folder = default_model_cache().parent / "test-clients" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    interpreter, stamp = folder / "bin" / "python", folder / "requirements.txt"
    with FileLock(folder.parent / f".{name}.lock"):
        wanted = requirements.read_bytes()
        if not stamp.is_file() or stamp.read_bytes() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            install = ["-m", "pip", "install", "--quiet", "-r", str(requirements)]
            subprocess.run([interpreter, *install], check=True, timeout=seconds)
            stamp.write_bytes(wanted)
    return interpreter
