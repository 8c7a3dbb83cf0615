"""Which adapter version sits in which slot, and who is using it."""

from collections import Counter, OrderedDict

from safetensors.torch import load_file

from adapters_store.files import AdapterFiles
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.records import AdapterVersion


class AdapterSlots:
    """Loads versions into slots on first use; evicts the least recently used idle one.

    A leased slot is never evicted. With at least as many slots as rows, `acquire` always finds
    one. Versions never change, so a resident one is always right.
    """

    def __init__(self, pool: AdapterPool, files: AdapterFiles) -> None:
        self._pool = pool
        self._files = files
        self._resident: OrderedDict[str, int] = OrderedDict()  # folder -> slot, oldest use first
        self._leases: Counter[int] = Counter()
        self._free = list(range(1, pool.num_slots))
        self.loads = 0

    @property
    def num_resident(self) -> int:
        """How many adapters are loaded."""
        return len(self._resident)

    def acquire(self, version: AdapterVersion | None) -> int:
        """Lease the version's slot, loading it if needed; None is slot 0.

        Raises what `AdapterFiles.open` raises, `KeyError` or `ValueError` where the file does not
        fit, and `RuntimeError` where every slot is leased.
        """
        if version is None:
            return NO_ADAPTER
        if version.folder not in self._resident:
            self._load(version)
        self._resident.move_to_end(version.folder)
        slot = self._resident[version.folder]
        self._leases[slot] += 1
        return slot

    def release(self, slot: int) -> None:
        """End a lease."""
        if slot != NO_ADAPTER:
            self._leases[slot] -= 1

    def _load(self, version: AdapterVersion) -> None:
        tensors = load_file(self._files.open(version) / "adapter_model.safetensors")
        slot = self._take_slot()
        try:
            self._pool.load(slot, tensors)
        except (KeyError, ValueError):
            self._free.append(slot)
            raise
        self._resident[version.folder] = slot
        self.loads += 1

    def _take_slot(self) -> int:
        if self._free:
            return self._free.pop()
        for folder, slot in self._resident.items():
            if not self._leases[slot]:
                del self._resident[folder]
                return slot
        raise RuntimeError("every adapter slot is in use")
