"""Long work for users, one piece at a time, in the background: how far it is, and its end."""

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum

from server.background.engine_client import RequestCancelledError
from server.engine.errors import EngineOverloadedError, GenerationError

_MOST_USERS = 256

_log = logging.getLogger(__name__)


class ProposalState(StrEnum):
    """Where the writing of proposals is; nobody asked for any yet where it is `IDLE`."""

    IDLE = "idle"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether more proposals may come."""
        return self in (ProposalState.QUEUED, ProposalState.RUNNING)


@dataclass(frozen=True, slots=True)
class ProposalProgress:
    """How one user's last request for proposals is going. Times are UTC seconds.

    Of `written` instructions `proposed` made a proposal; `unfit` counts the others by reason.
    """

    state: ProposalState = ProposalState.IDLE
    wanted: int = 0
    proposed: int = 0
    written: int = 0
    unfit: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    requested_at: float | None = None
    finished_at: float | None = None


class ProposalJob:
    """One request at work: the worker tells it how it goes, anybody may read or cancel it."""

    def __init__(self, wanted: int, requested_at: float) -> None:
        self._generation = ProposalProgress(
            ProposalState.QUEUED, wanted=wanted, requested_at=requested_at
        )
        self._is_cancelled = threading.Event()

    @property
    def generation(self) -> ProposalProgress:
        """How it is going."""
        return self._generation

    def is_cancelled(self) -> bool:
        """Whether the rest is not wanted any more."""
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        """Let it end soon. Harmless after the end."""
        self._is_cancelled.set()

    def note(self, *, proposed: int = 0, written: int = 0, unfit: Mapping[str, int]) -> None:
        """Add to the counts; only the thread that works it does."""
        now = self._generation
        self._generation = replace(
            now,
            proposed=now.proposed + proposed,
            written=now.written + written,
            unfit=dict(sorted((Counter(now.unfit) + Counter(unfit)).items())),
        )

    def run(self, work: Callable[["ProposalJob"], None]) -> None:
        """Work it to its end; whatever goes wrong is told in `generation`."""
        self._generation = replace(self._generation, state=ProposalState.RUNNING)
        state, reason = ProposalState.DONE, ""
        try:
            if self.is_cancelled():  # while it waited in line
                raise RequestCancelledError
            work(self)
        except RequestCancelledError:
            state = ProposalState.CANCELLED
        except (EngineOverloadedError, GenerationError) as error:
            state, reason = ProposalState.FAILED, f"{error} What was proposed stays."
        except Exception:
            _log.exception("proposals could not be written")
            state, reason = ProposalState.FAILED, "The server failed. What was proposed stays."
        self._generation = replace(
            self._generation, state=state, reason=reason, finished_at=time.time()
        )


class ProposalJobs:
    """Works the users' requests for proposals in the order of their arrival, one per user.

    What it knows is lost with the process; proposals are kept as soon as they are written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, ProposalJob] = OrderedDict()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proposals")

    def start(
        self, user_id: str, wanted: int, work: Callable[[ProposalJob], None]
    ) -> ProposalProgress:
        """Queue `work`, unless the user has an open request; how that, or this one, is going."""
        with self._lock:
            open_job = self._jobs.get(user_id)
            if open_job is not None and open_job.generation.state.is_open:
                return open_job.generation
            job = self._jobs[user_id] = ProposalJob(wanted, time.time())
            self._jobs.move_to_end(user_id)
            self._forget_oldest()
            self._worker.submit(job.run, work)
            return job.generation

    def of(self, user_id: str) -> ProposalProgress:
        """How the user's last request is going."""
        with self._lock:
            job = self._jobs.get(user_id)
        return ProposalProgress() if job is None else job.generation

    def cancel(self, user_id: str) -> ProposalProgress:
        """Let the user's request end within moments; what was proposed stays."""
        with self._lock:
            job = self._jobs.get(user_id)
        if job is None:
            return ProposalProgress()
        job.cancel()
        return job.generation

    def forget(self, user_id: str) -> None:
        """Let the user's request end and know nothing of it any more. Does not wait."""
        with self._lock:
            job = self._jobs.pop(user_id, None)
        if job is not None:
            job.cancel()

    def stop(self) -> None:
        """End all work, and wait for that."""
        with self._lock:
            for job in self._jobs.values():
                job.cancel()
        self._worker.shutdown(wait=True)

    def _forget_oldest(self) -> None:
        ended = [name for name, job in self._jobs.items() if not job.generation.state.is_open]
        for name in ended[: max(0, len(self._jobs) - _MOST_USERS)]:
            del self._jobs[name]
