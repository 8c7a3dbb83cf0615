"""Long work for users, one piece at a time, in the background: how far it is, and its end."""

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum

from server.background.engine_client import ErrandCancelledError
from server.engine.errors import EngineOverloadedError, GenerationError

_MOST_USERS = 256

_log = logging.getLogger(__name__)


class GenerationState(StrEnum):
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
        return self in (GenerationState.QUEUED, GenerationState.RUNNING)


@dataclass(frozen=True, slots=True)
class Generation:
    """How one user's last request for proposals is going. Times are UTC seconds.

    Of `written` instructions `proposed` made a proposal; `unfit` counts the others by reason.
    """

    state: GenerationState = GenerationState.IDLE
    wanted: int = 0
    proposed: int = 0
    written: int = 0
    unfit: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    requested_at: float | None = None
    finished_at: float | None = None


class Job:
    """One request at work: the worker tells it how it goes, anybody may read or cancel it."""

    def __init__(self, wanted: int, requested_at: float) -> None:
        self._generation = Generation(
            GenerationState.QUEUED, wanted=wanted, requested_at=requested_at
        )
        self._is_cancelled = threading.Event()

    @property
    def generation(self) -> Generation:
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

    def run(self, work: Callable[["Job"], None]) -> None:
        """Work it to its end; whatever goes wrong is told in `generation`."""
        self._generation = replace(self._generation, state=GenerationState.RUNNING)
        state, reason = GenerationState.DONE, ""
        try:
            if self.is_cancelled():  # while it waited in line
                raise ErrandCancelledError
            work(self)
        except ErrandCancelledError:
            state = GenerationState.CANCELLED
        except (EngineOverloadedError, GenerationError) as error:
            state, reason = GenerationState.FAILED, f"{error} What was proposed stays."
        except Exception:
            _log.exception("proposals could not be written")
            state, reason = GenerationState.FAILED, "The server failed. What was proposed stays."
        self._generation = replace(
            self._generation, state=state, reason=reason, finished_at=time.time()
        )


class PracticeJobs:
    """Works the users' requests for proposals in the order of their arrival, one per user.

    What it knows is lost with the process; proposals are kept as soon as they are written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="practice")

    def start(self, user_id: str, wanted: int, work: Callable[[Job], None]) -> Generation:
        """Queue `work`, unless the user has an open request; how that, or this one, is going."""
        with self._lock:
            open_job = self._jobs.get(user_id)
            if open_job is not None and open_job.generation.state.is_open:
                return open_job.generation
            job = self._jobs[user_id] = Job(wanted, time.time())
            self._jobs.move_to_end(user_id)
            self._forget_oldest()
            self._worker.submit(job.run, work)
            return job.generation

    def of(self, user_id: str) -> Generation:
        """How the user's last request is going."""
        with self._lock:
            job = self._jobs.get(user_id)
        return Generation() if job is None else job.generation

    def cancel(self, user_id: str) -> Generation:
        """Let the user's request end within moments; what was proposed stays."""
        with self._lock:
            job = self._jobs.get(user_id)
        if job is None:
            return Generation()
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
