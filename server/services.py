"""The composition root: builds everything that the routes use, once, from the settings.

Life cycle: build (stores, first admin), start (load the model in the background), drain, stop.
"""

import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING

from scheduler.candidates import Candidates
from server.accounts.accounts import Accounts
from server.accounts.identity import IdentityRules
from server.accounts.lockout import Lockout
from server.background.rules_cache import RulesCache
from server.base_model.prepare import prepare_model
from server.data_folder import DataFolder
from server.errors import NotReadyError
from server.metrics import Metrics
from server.settings import Settings
from server.stores import open_stores

if TYPE_CHECKING:
    from server.runtime import Runtime

_DAY = 86400.0

_log = logging.getLogger(__name__)


class Services:
    """What the routes share. All of it is there from the start, except the runtime.

    `new_admin_key` is the first admin's key if this start made it: show it once. `cli_token`
    acts as that admin until the server stops.
    """

    def __init__(self, settings: Settings) -> None:
        """Lock the data folder, open and migrate the database, make the first admin.

        Raises `DataFolderError`, and `ValueError` for an invalid preset admin key.
        """
        self.settings = settings
        folder = DataFolder(settings.data_dir)
        try:
            self.stores = open_stores(folder)
            self.accounts = Accounts(self.stores.database)
            preset = settings.admin_key.get_secret_value() if settings.admin_key else None
            self.new_admin_key = self.accounts.ensure_admin(preset, time.time())
        except BaseException:
            folder.release()
            raise
        self.candidates = Candidates(self.stores.unseen, self.stores.registry, self.stores.runs)
        self.rules = RulesCache(self.stores.log)
        self.metrics = Metrics()
        self.identity_rules = _identity_rules(settings)
        self.lockout = Lockout(settings.max_wrong_keys)
        self.cli_token = f"lk-cli-{secrets.token_urlsafe(32)}"
        self.started_at = time.time()
        self.is_draining = False
        self.failure: str | None = None
        self._runtime: Runtime | None = None
        self._is_stopped = False
        self._installing = threading.Lock()
        self._is_settled = threading.Event()

    @property
    def is_ready(self) -> bool:
        """Whether chat is answered."""
        return self._runtime is not None and not self.is_draining

    @property
    def runtime(self) -> "Runtime":
        """The loaded model. Raises `NotReadyError` while it loads, or if loading failed."""
        if self._runtime is None:
            raise NotReadyError(self.failure or "The model is still loading. Try again soon.")
        return self._runtime

    def start(self) -> None:
        """Start loading the model in the background; routes without it answer meanwhile."""
        self.housekeep()
        threading.Thread(target=self._load, name="loader", daemon=True).start()

    def wait_until_loaded(self, timeout: float) -> bool:
        """Wait until the model is loaded or has failed to load; return whether it answers."""
        self._is_settled.wait(timeout)
        return self.is_ready

    def housekeep(self) -> None:
        """Drop feedback whose completion never came, old versions, the files of withdrawn ones, and
        old trash; empty the write-ahead log."""
        now, stores = time.time(), self.stores
        stores.log.expire_pending(now - self.settings.pending_feedback_days * _DAY)
        stores.registry.prune(self.settings.versions_kept, now)
        stores.files.remove_folders(stores.registry.unused_folders())
        stores.files.trash.prune(now, keep=stores.registry.folders())
        self.stores.database.checkpoint()

    def end_training_of(self, user_id: str) -> None:
        """End a user's training, and delete its files and runs. Raises `TimeoutError`."""
        if self._runtime is not None:
            self._runtime.scheduler.erase(user_id)

    def announce(self, url: str) -> None:
        """Let the command line find this server."""
        self.stores.folder.announce(url, self.cli_token)

    def begin_drain(self) -> None:
        """Report "not ready" from now on; requests that still come are answered."""
        self.is_draining = True

    def stop(self) -> None:
        """Stop training and answering, and release the data. A second call does nothing."""
        self.begin_drain()
        with self._installing:
            is_first = not self._is_stopped
            self._is_stopped = True
        if not is_first:
            return
        if self._runtime is not None:
            self._runtime.stop()
        self.stores.database.checkpoint()
        self.stores.database.close()
        self.stores.folder.release()

    def _load(self) -> None:
        try:
            model = prepare_model(self.settings, _log_progress, _log.info)
            # Imported here: it imports PyTorch, and pages and accounts need not wait for that.
            from server.runtime import load_runtime

            runtime = load_runtime(self.settings, model, self.stores)
            with self._installing:
                if not self._is_stopped:
                    runtime.start()
                    self._runtime = runtime
        except Exception as error:
            # The operator must find any reason at /ready.
            _log.exception("the model could not be loaded")
            self.failure = f"The model could not be loaded: {error}"
        finally:
            self._is_settled.set()


def _identity_rules(settings: Settings) -> IdentityRules:
    secret = settings.openwebui_jwt_secret
    return IdentityRules(
        jwt_secret=secret.get_secret_value() if secret else None,
        trust_headers=settings.trust_identity_headers,
    )


def _log_progress(phase: str, done: int, total: int) -> None:
    _log.debug("preparing the model: %s, %d of %d", phase, done, total)
