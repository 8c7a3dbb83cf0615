"""A benchmark's finished results in a JSON Lines file, so that a second run goes on from there."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Finished(Generic[K, T]):
    """Every result of one file, by its key. Of two results with the same key the later one counts.

    `T` is a dataclass. Raises `ValueError` if a complete line cannot be read.
    """

    def __init__(self, path: Path, result: type[T], key: Callable[[T], K]) -> None:
        self._path = path
        self._lines = TypeAdapter(result)
        self._key = key
        self._found: dict[K, T] = {}
        if path.exists():
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:  # the last run was killed while it wrote
                path.write_bytes(whole)
            self._remember([self._lines.validate_json(line) for line in whole.splitlines()])

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def __iter__(self) -> Iterator[T]:
        return iter(self._found.values())

    def get(self, key: K) -> T | None:
        """One result, or None if it is not finished."""
        return self._found.get(key)

    def append(self, results: Sequence[T]) -> None:
        """Add these, on disk too."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(self._lines.dump_json(each) + b"\n" for each in results))
        self._remember(results)

    def _remember(self, results: Sequence[T]) -> None:
        self._found.update((self._key(each), each) for each in results)
