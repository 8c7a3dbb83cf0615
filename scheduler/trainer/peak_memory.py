"""The most memory that a run needed."""

import resource
from pathlib import Path

import torch


def peak_memory(device: torch.device) -> int:
    """Bytes that this process had allocated on the device at once.

    On a CPU these are the pages that it did not map from files: the base's packed weights are the
    server's, too.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - _mapped_from_files()


def _mapped_from_files() -> int:
    """Bytes of files in memory; they only become more. 0 if the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile:"))
