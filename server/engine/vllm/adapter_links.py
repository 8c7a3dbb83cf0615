"""Adapter folders for vLLM: hard links that outlive the files they were made from, and copies of
two adapters in one.

vLLM dies if it reads an adapter whose files are gone
(https://github.com/vllm-project/vllm/issues/5105), and versions may be erased at any time.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import WEIGHTS_FILE, AdapterFiles
from adapters_store.lora import side_by_side
from adapters_store.peft_config import CONFIG_FILE
from adapters_store.records import AdapterVersion, ServableAdapter, StackedAdapter, parts_of

_PREFIXES = ("u_", "s_")


def name_of(adapter: ServableAdapter) -> str:
    """The adapter's name in vLLM. No other adapter ever has it: folders' names are random."""
    if isinstance(adapter, StackedAdapter):
        return "+".join(map(name_of, parts_of(adapter)))
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
        sources = [self._files.open(part) for part in parts_of(adapter)]
        target = self.root / name_of(adapter)
        if not target.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            staged = self.root / f".{os.urandom(8).hex()}"
            staged.mkdir()
            if len(sources) == 1:
                for name in (WEIGHTS_FILE, CONFIG_FILE):
                    _link(sources[0] / name, staged / name)
            else:
                _write_stacked(sources, staged)
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
            for part in parts_of(adapter):
                self._files.open(part)
        except (AdapterNotFoundError, AdapterInvalidError):
            return False
        except OSError:  # the object storage does not answer
            return True
        return True


def _folders(root: Path) -> list[Path]:
    return [*root.iterdir()] if root.is_dir() else []


def _write_stacked(sources: Sequence[Path], target: Path) -> None:
    """Write PEFT folders of one shape as one, with all their ranks side by side."""
    config = json.loads((sources[0] / CONFIG_FILE).read_text(encoding="utf-8"))
    for size in ("r", "lora_alpha"):
        config[size] *= len(sources)
    adapters = [load_file(each / WEIGHTS_FILE) for each in sources]
    save_file(dict(side_by_side(adapters, config["r"])), target / WEIGHTS_FILE)
    (target / CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # some file systems have no hard links
        shutil.copy2(source, target)
