"""Adapter folders for vLLM: hard links that outlive the files they were made from.

vLLM dies if it reads an adapter whose files are gone
(https://github.com/vllm-project/vllm/issues/5105), and versions may be erased at any time.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from adapters_store.peft_config import CONFIG_FILE
from adapters_store.records import AdapterVersion, ServableAdapter

_PREFIXES = ("u_", "s_")


def name_of(adapter: ServableAdapter) -> str:
    """The adapter's name in vLLM. No other adapter ever has it: folders' names are random."""
    digits = adapter.checksum[:8]
    if isinstance(adapter, AdapterVersion):
        return f"u_{adapter.folder}.{adapter.label}.{digits}"
    return f"s_{adapter.folder}.{digits}"  # a candidate


class AdapterLinks:
    """One folder of links for each adapter that a server may know."""

    def __init__(self, root: Path, files: AdapterFiles) -> None:
        self.root = root
        self._files = files
        for path in _folders(root):
            if not path.name.startswith(_PREFIXES):  # a crash left it
                shutil.rmtree(path, ignore_errors=True)

    def make(self, adapter: ServableAdapter) -> Path:
        """The adapter's folder, made if it is missing. Raises what `AdapterFiles.open` raises."""
        source, target = self._files.open(adapter), self.root / name_of(adapter)
        if not target.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            staged = self.root / f".{target.name}.{os.urandom(4).hex()}"
            staged.mkdir()
            for name in (WEIGHTS_FILE, CONFIG_FILE):
                _link(source / name, staged / name)
            with contextlib.suppress(FileExistsError):  # another server's lease made it
                staged.rename(target)
            shutil.rmtree(staged, ignore_errors=True)
        return target

    def names(self) -> set[str]:
        """The adapters that have a folder here; an earlier start may have left some."""
        return {path.name for path in _folders(self.root) if path.name.startswith(_PREFIXES)}

    def remove(self, name: str) -> None:
        """Delete an adapter's folder of links. No server may know it any more."""
        shutil.rmtree(self.root / name, ignore_errors=True)

    def erased(self, adapters: Iterable[ServableAdapter]) -> set[str]:
        """The names of those whose own files are gone, or are not what they were."""
        return {name_of(each) for each in adapters if not self._is_there(each)}

    def _is_there(self, adapter: ServableAdapter) -> bool:
        try:
            self._files.open(adapter)
        except (AdapterNotFoundError, AdapterInvalidError):
            return False
        except OSError:  # the object storage does not answer
            return True
        return True


def _folders(root: Path) -> list[Path]:
    return [*root.iterdir()] if root.is_dir() else []


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # some file systems have no hard links
        shutil.copy2(source, target)
