"""An LRU cache of adapter versions, loaded off the engine's thread."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from safetensors.torch import load
from torch import Tensor

from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from adapters_store.lora import side_by_side
from adapters_store.records import AdapterVersion, ServableAdapter, StackedAdapter, parts_of
from server.engine.model.runner import PackedAdapter, Runner, size_bytes

log = logging.getLogger(__name__)


class AdapterCache:
    """Packed adapters within a budget of bytes. Call it from one thread at a time.

    A leased version stays even beyond the budget, because a reply needs it. Versions never change,
    so a cached one is never stale. One thread loads them all and calls `on_loaded`.
    """

    def __init__(
        self,
        files: AdapterFiles,
        runner: Runner,
        budget_bytes: int,
        on_loaded: Callable[[], None],
        rank: int,
    ) -> None:
        """`rank` is that of the runner's adapters; narrower ones are filled up."""
        self._files = files
        self._runner = runner
        self._budget = budget_bytes
        self._on_loaded = on_loaded
        self._rank = rank
        self._entries: OrderedDict[str, Future[PackedAdapter]] = OrderedDict()  # by folder
        self._leases: Counter[str] = Counter()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="adapter-loader")
        self.loads = 0

    @property
    def num_resident(self) -> int:
        """How many adapters are in memory."""
        return sum(_is_loaded(entry) for entry in self._entries.values())

    @property
    def resident_bytes(self) -> int:
        """The memory of all adapters."""
        return sum(size_bytes(e.result()) for e in self._entries.values() if _is_loaded(e))

    def lease(self, version: ServableAdapter) -> Future[PackedAdapter]:
        """Hold a version until `release`, and load it if it is not in memory.

        The future raises what `AdapterFiles.open` and `Runner.pack` raise.
        """
        entry = self._entries.get(version.folder)
        if entry is None or (entry.done() and entry.exception()):
            entry = self._entries[version.folder] = self._loader.submit(self._load, version)
            entry.add_done_callback(lambda _: self._on_loaded())
            self.loads += 1
        self._entries.move_to_end(version.folder)
        self._leases[version.folder] += 1
        return entry

    def release(self, version: ServableAdapter) -> None:
        """End a lease, and evict versions if the budget is exceeded."""
        self._leases[version.folder] -= 1
        if not self._leases[version.folder]:
            del self._leases[version.folder]
        self._evict()

    def close(self) -> None:
        """End the loading thread."""
        self._loader.shutdown(cancel_futures=True)

    def _load(self, version: ServableAdapter) -> PackedAdapter:
        if isinstance(version, StackedAdapter):
            # Never kept on disk: a copy in one part's folder would outlive the other part.
            return self._pack([self._read(self._files.open(part)) for part in parts_of(version)])
        folder, stored = self._files.open(version), self._runner.stored_adapters
        if stored and (found := stored.read(folder, version.checksum)) is not None:
            return found
        packed = self._pack([self._read(folder)])
        if stored and isinstance(version, AdapterVersion):
            # After this one: a reply waits for it.
            self._loader.submit(stored.write, folder, version.checksum, packed)
        return packed

    def _read(self, folder: Path) -> Mapping[str, Tensor]:
        # Read in one go: mapping the file costs a fault per page, twice the time.
        tensors: Mapping[str, Tensor] = load((folder / WEIGHTS_FILE).read_bytes())
        return tensors

    def _pack(self, adapters: Sequence[Mapping[str, Tensor]]) -> PackedAdapter:
        return self._runner.pack(side_by_side(adapters, self._rank))

    def _evict(self) -> None:
        used = self.resident_bytes
        for folder, entry in list(self._entries.items()):
            if self._leases[folder] or not entry.done():
                continue
            if entry.exception():
                del self._entries[folder]
            elif used > self._budget:
                used -= size_bytes(entry.result())
                del self._entries[folder]


def _is_loaded(entry: Future[PackedAdapter]) -> bool:
    return entry.done() and not entry.cancelled() and entry.exception() is None
