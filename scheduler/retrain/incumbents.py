"""The versions that a new fit is compared with: can they be, and have they learned the same?"""

import logging
from pathlib import Path

from adapters_store.errors import AdapterInvalidError, AdapterNotFoundError
from adapters_store.files import AdapterFiles
from adapters_store.records import AdapterVersion
from adapters_store.registry import Registry
from feedback.records import Dataset
from scheduler.records import PipelineConfig
from scheduler.version_report import report_of

_log = logging.getLogger(__name__)


class Incumbents:
    """Versions in use and versions that were rolled back."""

    def __init__(self, registry: Registry, files: AdapterFiles, config: PipelineConfig) -> None:
        self._registry = registry
        self._files = files
        self._config = config

    def folder(self, active: AdapterVersion | None) -> Path | None:
        """The folder of the version in use; None if there is nothing to compare with."""
        if active is None or not self._is_compatible(active):
            return None
        try:
            return self._files.open(active)
        except (AdapterNotFoundError, AdapterInvalidError) as error:
            # A broken version must not keep its user from getting a sound one.
            _log.error("training without the version in use (%s): %s", active.label, error)
            return None

    def nothing_new(
        self, user_id: str, active: AdapterVersion | None, dataset: Dataset
    ) -> str | None:
        """Why there is nothing to train: a version learned the same. None if there is something."""
        if active is not None and self.folder(active) and self._is_same_fit(active, dataset):
            return f"nothing new since {active.label}"
        for version in self._registry.rolled_back(user_id):
            if self._is_compatible(version) and self._is_same_fit(version, dataset):
                return f"nothing new since {version.label}, which was rolled back"
        return None

    def _is_compatible(self, version: AdapterVersion) -> bool:
        ours = self._config.base_revision, self._config.lora
        return (version.base_revision, version.lora) == ours

    def _is_same_fit(self, version: AdapterVersion, dataset: Dataset) -> bool:
        # The whole dataset's hash: a fit may be taught fewer examples.
        fit = report_of(version).fit
        learned = (fit.dataset_hash if fit else None) or version.dataset_hash
        return (learned, version.seed) == (dataset.content_hash, self._config.training.seed)
