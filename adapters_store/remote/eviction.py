"""Which adapter folders a disk that is smaller than the object storage can do without. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CachedFolder:
    """A folder, the size of its files in bytes, and when it was last used, in UTC seconds."""

    name: str
    size_bytes: int
    used_at: float


def to_evict(
    folders: Iterable[CachedFolder], max_bytes: int, *, before: float, keep: Collection[str]
) -> list[str]:
    """The least recently used folders, until the others take at most `max_bytes`.

    Those in `keep` and those that were used since `before` stay, also beyond that.
    """
    by_use = sorted(folders, key=lambda folder: folder.used_at)
    excess = sum(folder.size_bytes for folder in by_use) - max_bytes
    evicted = []
    for folder in by_use:
        if excess <= 0 or folder.used_at >= before:
            break
        if folder.name not in keep:
            evicted.append(folder.name)
            excess -= folder.size_bytes
    return evicted
