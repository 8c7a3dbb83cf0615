"""How much memory this process has, and how much more it may take."""

import re
from pathlib import Path

_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_memory() -> int:
    """Bytes: what the machine has free, or less if a control group (a container) allows less."""
    free = _kilobytes(Path("/proc/meminfo").read_text(), "MemAvailable")
    groups = Path("/proc/self/cgroup")
    rooms = rooms_of_groups(groups.read_text(), Path("/sys/fs/cgroup")) if groups.exists() else []
    return max(0, min([free, *rooms]))


def memory_in_use() -> int:
    """Bytes of this process that are in memory now."""
    return _kilobytes(Path("/proc/self/status").read_text(), "VmRSS")


def rooms_of_groups(groups: str, root: Path) -> list[int]:
    """What each limited control group may still take, in bytes.

    `groups` is the text of `/proc/self/cgroup`; `root` is where the groups are mounted. Pages of
    files that nobody uses count as free, because the kernel drops them first.
    """
    rooms = []
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base, names = (root / "memory", _V1) if controllers else (root, _V2)
        group = base / path.lstrip("/")
        inside = [each for each in (group, *group.parents) if each.is_relative_to(base)]
        rooms += [room for each in inside if (room := _room(each, *names)) is not None]
    return rooms


def _room(group: Path, limit: str, usage: str, unused: str) -> int | None:
    try:
        most = (group / limit).read_text().strip()
        if most == "max":
            return None
        statistics = (group / "memory.stat").read_text()
        files = re.search(rf"^{unused} (\d+)$", statistics, re.MULTILINE)
        return int(most) - int((group / usage).read_text()) + int(files[1] if files else 0)
    except FileNotFoundError:  # the root has no limit, and a container does not see its parents
        return None


def _kilobytes(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
