"""Requests for proposals: one per user, worked one at a time, each with a reported end."""

import threading
from collections.abc import Callable, Iterator

import pytest

from server.background.engine_client import RequestCancelledError
from server.background.proposal_jobs import (
    ProposalJob,
    ProposalJobs,
    ProposalProgress,
    ProposalState,
)
from server.engine.errors import EngineOverloadedError
from tests.waiting import wait_until

DONE, CANCELLED, FAILED = (
    ProposalState.DONE,
    ProposalState.CANCELLED,
    ProposalState.FAILED,
)


@pytest.fixture
def jobs() -> Iterator[ProposalJobs]:
    jobs = ProposalJobs()
    yield jobs
    jobs.stop()


def until_cancelled(job: ProposalJob) -> None:
    wait_until(job.is_cancelled)
    raise RequestCancelledError


def ended(jobs: ProposalJobs, user_id: str) -> ProposalProgress:
    wait_until(lambda: not jobs.of(user_id).state.is_open)
    return jobs.of(user_id)


def raising(error: Exception) -> Callable[[ProposalJob], None]:
    def work(job: ProposalJob) -> None:
        raise error

    return work


def test_nobody_asked_for_anything_at_first(jobs: ProposalJobs) -> None:
    assert jobs.of("ann") == jobs.cancel("ann") == ProposalProgress()


def test_counts_are_reported_as_they_grow(jobs: ProposalJobs) -> None:
    def work(job: ProposalJob) -> None:
        job.note(written=3, rejected={"looping": 1})
        job.note(written=2, proposed=2, rejected={"looping": 1, "empty": 1})

    jobs.start("ann", 4, work)
    found = ended(jobs, "ann")
    assert (found.state, found.wanted, found.proposed, found.written) == (DONE, 4, 2, 5)
    assert found.rejected == {"looping": 2, "empty": 1}


def test_a_user_has_one_open_request(jobs: ProposalJobs) -> None:
    jobs.start("ann", 4, until_cancelled)
    again = jobs.start("ann", 9, until_cancelled)
    assert again.wanted == 4
    jobs.cancel("ann")
    assert ended(jobs, "ann").state is CANCELLED
    assert jobs.start("ann", 9, until_cancelled).wanted == 9


def test_requests_of_others_wait_in_line(jobs: ProposalJobs) -> None:
    jobs.start("ann", 1, until_cancelled)
    jobs.start("bob", 1, lambda job: None)
    assert jobs.of("bob").state is ProposalState.QUEUED
    jobs.cancel("ann")
    assert ended(jobs, "bob").state is DONE


def test_a_failure_is_reported_without_details_of_unexpected_errors(jobs: ProposalJobs) -> None:
    jobs.start("ann", 1, raising(EngineOverloadedError("The server is at capacity.")))
    jobs.start("bob", 1, raising(ValueError("a path on disk")))
    assert ended(jobs, "ann").reason.startswith("The server is at capacity.")
    found = ended(jobs, "bob")
    assert found.state is FAILED and "path" not in found.reason


def test_a_forgotten_users_request_ends_and_is_unknown(jobs: ProposalJobs) -> None:
    has_ended = threading.Event()

    def work(job: ProposalJob) -> None:
        wait_until(job.is_cancelled)
        has_ended.set()

    jobs.start("ann", 1, work)
    jobs.forget("ann")
    assert jobs.of("ann") == ProposalProgress()
    assert has_ended.wait(30)


def test_a_request_that_was_cancelled_in_line_does_nothing(jobs: ProposalJobs) -> None:
    jobs.start("ann", 1, until_cancelled)
    worked: list[ProposalJob] = []
    jobs.start("bob", 1, worked.append)
    jobs.cancel("bob")
    jobs.cancel("ann")
    assert ended(jobs, "bob").state is CANCELLED
    assert worked == []
