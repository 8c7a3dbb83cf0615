"""The composition root: builds everything that the routes use, once, from the settings.

Life cycle: build (stores, first admin), start (load the model in the background), drain, stop.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from feedback.records import StorageLimits
from scheduler.candidates import Candidates
from scheduler.records import RunStatus
from server.accounts.accounts import Accounts
from server.accounts.anonymous import AnonymousRequests
from server.accounts.identity import IdentityRules
from server.accounts.lockout import Lockout
from server.accounts.moves import Moves
from server.background.rules_cache import RulesCache
from server.backup.erasures import repeat_erasures
from server.base_model.prepare import prepare_model
from server.cells import Cells
from server.data_folder import DataFolder, DataFolderError
from server.engine.vllm.errors import UnsuitableServerError
from server.errors import NotReadyError
from server.metrics import Metrics
from server.running_replies import RunningReplies, UnstoredTurns
from server.settings import Settings
from server.storage.errors import StorageError, storage_error
from server.stores import finish_erasures, open_stores, remote_storage, report_damage
from server.user_threads import UserThreads

if TYPE_CHECKING:
    from server.runtime import Runtime

_DAY = 86400.0
_EXPIRED_AT_ONCE = 50

_log = logging.getLogger(__name__)


class Services:
    """What the routes share. All of it is there from the start, except the runtime.

    `new_admin_key` is the first admin's key if this start made it: show it once. `cli_token`
    acts as that admin until the server stops.
    """

    def __init__(self, settings: Settings) -> None:
        """Lock the data folder, open and migrate the database, repeat the erasures that it does not
        know, make the first admin.

        Raises `DataFolderError`, and `ValueError` for an invalid preset admin key.
        """
        self.settings = settings
        folder = DataFolder(settings.data_dir)
        try:
            self.stores = open_stores(
                folder, _storage_limits(settings), remote_storage(settings.adapters_url)
            )
            self.cells = Cells(settings.cell, settings.cells)
            self.accounts = Accounts(self.stores.database, self.cells)
            self.moves = Moves(self.stores.database)
            repeat_erasures(self.stores, self.accounts)
            preset = settings.admin_key.get_secret_value() if settings.admin_key else None
            self.new_admin_key = self.accounts.ensure_admin(preset, time.time())
            if settings.organisation:
                self.accounts.ensure_organisation(time.time())
        except BaseException as error:
            folder.release()
            if isinstance(error, StorageError):
                message = f"the data folder {folder.path} cannot be used. {error}"
                raise DataFolderError(message) from error
            raise
        self.candidates = Candidates(self.stores.unseen, self.stores.registry, self.stores.runs)
        self.rules = RulesCache(self.stores.log)
        # A user's whole data may take seconds to read, and a thread cannot be stopped.
        self.heavy_reads = UserThreads(threads=2, per_user=1, most_waiting=16)
        self.planning = UserThreads(threads=16, per_user=4)
        self.running = RunningReplies()
        self.unstored = UnstoredTurns()
        self.metrics = Metrics()
        self.identity_rules = _identity_rules(settings)
        self.anonymous = AnonymousRequests(self.identity_rules)
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
        """Drop feedback whose completion never came, old versions, the files of withdrawn ones, old
        trash, and adapters beyond the disk's bound; empty the write-ahead log.

        If nothing can be written, that is logged, and left to the next time.
        """
        now, stores = time.time(), self.stores
        with _leaving_failures_to_the_next_time():
            stores.log.expire_pending(now - self.settings.pending_feedback_days * _DAY)
            stores.registry.prune(self.settings.versions_kept, now)
            finish_erasures(stores.registry, stores.files)
            stores.files.remove_folders(stores.registry.unused_folders())
            stores.files.prune(now, keep=stores.registry.folders())
            stores.database.checkpoint()
            if self.settings.adapters_disk_mb:
                self._shrink_adapters(now)

    def _shrink_adapters(self, now: float) -> None:
        """Make room on the disk; a training may need its user's versions for hours."""
        registry, training = self.stores.registry, self.stores.runs.runs(status=RunStatus.RUNNING)
        versions = (each for run in training for each in registry.versions(run.user_id))
        self.stores.files.shrink(
            self.settings.adapters_disk_mb << 20, now, keep={each.folder for each in versions}
        )

    def expire(self) -> None:
        """Delete exchanges that are older than they may be; may take minutes.

        If nothing can be written, that is logged, and left to the next time.
        """
        if not self.settings.retention_days:
            return
        before = time.time() - self.settings.retention_days * _DAY
        with _leaving_failures_to_the_next_time():
            # A few at a time: others may use the database meanwhile.
            while not self.is_draining and self.stores.log.expire(before, _EXPIRED_AT_ONCE):
                pass
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
        with contextlib.suppress(StorageError):  # the next start reads the write-ahead log
            self.stores.database.checkpoint()
        self.stores.database.close()
        self.stores.folder.release()

    def _load(self) -> None:
        try:
            model = prepare_model(self.settings, _log_progress, _log.info)
            # Imported here: it imports PyTorch, and pages and accounts need not wait for that.
            from server.runtime import load_runtime

            runtime = load_runtime(self.settings, model, self.stores)
            runtime.engine.start()  # may take long: vLLM servers are tried out
            with self._installing:
                if self._is_stopped:
                    runtime.engine.stop()
                else:
                    runtime.scheduler.start()
                    self._runtime = runtime
        except Exception as error:
            reason = storage_error(error) or error
            # The operator must find any reason at /ready.
            if not isinstance(reason, StorageError | UnsuitableServerError):
                _log.exception("the model could not be loaded")
            self.failure = f"The model could not be loaded: {reason}"
        finally:
            self._is_settled.set()
        self._look_for_damage()

    def _look_for_damage(self) -> None:
        # After the first answers: every file is read that has changed since it was last read.
        try:
            report_damage(self.stores)
        except Exception:
            if not self._is_stopped:
                _log.exception("the files of the adapters could not be checked")


def _identity_rules(settings: Settings) -> IdentityRules:
    secret = settings.openwebui_jwt_secret
    return IdentityRules(
        jwt_secret=secret.get_secret_value() if secret else None,
        trust_headers=settings.trust_identity_headers,
    )


@contextlib.contextmanager
def _leaving_failures_to_the_next_time() -> Iterator[None]:
    try:
        yield
    except (StorageError, OSError) as error:
        _log.error("old data could not be cleared away: %s", error)


def _storage_limits(settings: Settings) -> StorageLimits:
    return StorageLimits(
        items=settings.max_user_items,
        bytes=settings.max_user_mb << 20,
        pending=settings.max_pending_feedback,
    )


def _log_progress(phase: str, done: int, total: int) -> None:
    _log.debug("preparing the model: %s, %d of %d", phase, done, total)
