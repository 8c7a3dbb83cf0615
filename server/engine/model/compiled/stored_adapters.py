"""Packed adapters in files beside the weights that they were made from: mapped, not packed again.

Loading one then takes no processor time from replies.
"""

import hashlib
import logging
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from adapters_store.files import PACKED_PREFIX
from server.engine.model.compiled.adapters import AddressedAdapter

log = logging.getLogger(__name__)


class StoredAdapters:
    """Reads and writes packed adapters of one layout, a text that says how they are packed."""

    def __init__(self, layout: str) -> None:
        self._name = PACKED_PREFIX + hashlib.sha256(layout.encode()).hexdigest()[:16]

    def read(self, folder: Path, checksum: str) -> AddressedAdapter | None:
        """A folder's packed adapter, if it has one of the weights with this SHA-256."""
        try:
            with safe_open(folder / self._name, framework="pt") as tensors:
                if (tensors.metadata() or {}).get("checksum") != checksum:
                    return None
                return AddressedAdapter(tensors.get_tensor("buffer"), tensors.get_tensor("places"))
        except (OSError, SafetensorError):
            return None

    def write(self, folder: Path, checksum: str, adapter: AddressedAdapter) -> None:
        """Keep a packed adapter, in place of any other layout's.

        If that fails it is packed again the next time.
        """
        partial = folder / f"{self._name}.partial"
        try:
            save_file(adapter._asdict(), partial, {"checksum": checksum})
            for other in folder.glob(f"{PACKED_PREFIX}*"):
                if other != partial:
                    other.unlink()
            partial.rename(folder / self._name)
        except (OSError, SafetensorError) as error:
            log.info("a packed adapter is not kept: %s", error)
