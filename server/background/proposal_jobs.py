"""Works users' requests for proposals in the background, one at a time."""

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
    """The state of a request for proposals; `IDLE` if there was none yet."""

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
    """Progress of a user's last request for proposals. Times are UTC seconds.

    `written` instructions were generated and `proposed` of them made a proposal; `rejected` counts
    the others by reason.
    """

    state: ProposalState = ProposalState.IDLE
    wanted: int = 0
    proposed: int = 0
    written: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    requested_at: float | None = None
    finished_at: float | None = None


class ProposalJob:
    """One request for proposals: the worker updates it, any thread may read or cancel it."""

    def __init__(self, wanted: int, requested_at: float) -> None:
        self._progress = ProposalProgress(
            ProposalState.QUEUED, wanted=wanted, requested_at=requested_at
        )
        self._is_cancelled = threading.Event()

    @property
    def progress(self) -> ProposalProgress:
        """Its progress so far."""
        return self._progress

    def is_cancelled(self) -> bool:
        """Whether it should end."""
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        """Let it end soon. After the end it does nothing."""
        self._is_cancelled.set()

    def note(self, *, proposed: int = 0, written: int = 0, rejected: Mapping[str, int]) -> None:
        """Add to the counts. Call it on the worker's thread only."""
        now = self._progress
        self._progress = replace(
            now,
            proposed=now.proposed + proposed,
            written=now.written + written,
            rejected=dict(sorted((Counter(now.rejected) + Counter(rejected)).items())),
        )

    def run(self, work: Callable[["ProposalJob"], None]) -> None:
        """Run `work` to its end; `progress` reports every failure."""
        self._progress = replace(self._progress, state=ProposalState.RUNNING)
        state, reason = ProposalState.DONE, ""
        try:
            if self.is_cancelled():  # while it waited in line
                raise RequestCancelledError
            work(self)
        except RequestCancelledError:
            state = ProposalState.CANCELLED
        except (EngineOverloadedError, GenerationError) as error:
            state, reason = ProposalState.FAILED, f"{error} Finished proposals stay."
        except Exception:
            _log.exception("proposals could not be written")
            state, reason = ProposalState.FAILED, "The server failed. Finished proposals stay."
        now = time.time()
        self._progress = replace(self._progress, state=state, reason=reason, finished_at=now)


class ProposalJobs:
    """Works requests for proposals in the order of their arrival, one per user.

    Progress is lost with the process; proposals are stored as soon as they are written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, ProposalJob] = OrderedDict()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proposals")

    def start(
        self, user_id: str, wanted: int, work: Callable[[ProposalJob], None]
    ) -> ProposalProgress:
        """Queue `work` unless the user has an open request; the progress of the open one."""
        with self._lock:
            open_job = self._jobs.get(user_id)
            if open_job is not None and open_job.progress.state.is_open:
                return open_job.progress
            job = self._jobs[user_id] = ProposalJob(wanted, time.time())
            self._jobs.move_to_end(user_id)
            self._forget_oldest()
            self._worker.submit(job.run, work)
            return job.progress

    def of(self, user_id: str) -> ProposalProgress:
        """Progress of the user's last request."""
        with self._lock:
            job = self._jobs.get(user_id)
        return ProposalProgress() if job is None else job.progress

    def cancel(self, user_id: str) -> ProposalProgress:
        """Let the user's request end soon; finished proposals stay."""
        with self._lock:
            job = self._jobs.get(user_id)
        if job is None:
            return ProposalProgress()
        job.cancel()
        return job.progress

    def forget(self, user_id: str) -> None:
        """Cancel and forget the user's request, without waiting for its end."""
        with self._lock:
            job = self._jobs.pop(user_id, None)
        if job is not None:
            job.cancel()

    def stop(self) -> None:
        """Cancel all requests, and wait for their end."""
        with self._lock:
            for job in self._jobs.values():
                job.cancel()
        self._worker.shutdown(wait=True)

    def _forget_oldest(self) -> None:
        ended = [name for name, job in self._jobs.items() if not job.progress.state.is_open]
        for name in ended[: max(0, len(self._jobs) - _MOST_USERS)]:
            del self._jobs[name]
