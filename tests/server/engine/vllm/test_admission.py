from collections.abc import Sequence as Items

import pytest
from tokenizers import Tokenizer, models

from server.engine.detokenizer import TextStream
from server.engine.records import SamplingParams
from server.engine.scheduling import LONGEST_WAIT, FairShare
from server.engine.sequence import Sequence
from server.engine.vllm.admission import next_sequence

NOW = 1000.0
TOKENIZER = Tokenizer(models.BPE())


def asked(user: str, *, since: float | None = None) -> Sequence:
    """A request, in the background if it has a time."""
    text = TextStream(TOKENIZER, ())
    params = SamplingParams()
    return Sequence((1,), params, user, None, text, lambda _: None, background_since=since)


def served_first(
    waiting: Items[Sequence], running: Items[Sequence] = (), *, rows: int = 4, **served: int
) -> Sequence | None:
    shares = FairShare()
    for user, tokens in served.items():
        shares.charge(user, tokens)
    return next_sequence(waiting, running, shares, rows=rows, now=NOW)


def test_nothing_waits() -> None:
    assert served_first([]) is None


def test_the_least_served_user_is_next() -> None:
    ann, bob = asked("ann"), asked("bob")
    assert served_first([ann, bob], ann=10, bob=5) is bob


def test_one_users_requests_keep_their_order() -> None:
    first, second = asked("ann"), asked("ann")
    assert served_first([first, second]) is first


def test_a_user_with_a_share_of_the_rows_lets_others_go_first() -> None:
    ann, bob = asked("ann"), asked("bob")
    running = [asked("ann"), asked("ann")]
    assert served_first([ann, bob], running, ann=0, bob=50) is bob


def test_one_user_alone_may_have_every_row() -> None:
    ann = asked("ann")
    assert served_first([ann], [asked("ann") for _ in range(3)]) is ann


def test_the_background_waits_for_users() -> None:
    job, ann = asked("scheduler", since=NOW), asked("ann")
    assert served_first([job, ann], scheduler=0, ann=50) is ann
    assert served_first([job], [ann]) is None
    assert served_first([job]) is job


@pytest.mark.parametrize("others", [[], ["ann"]], ids=["only running", "waiting, too"])
def test_a_job_that_waited_long_goes_along(others: list[str]) -> None:
    job = asked("scheduler", since=NOW - LONGEST_WAIT)
    waiting = [job, *map(asked, others)]
    assert served_first(waiting, [asked("bob")], ann=5, bob=9) is job


def test_only_one_such_job_runs_at_a_time() -> None:
    jobs = [asked("scheduler", since=NOW - LONGEST_WAIT) for _ in range(2)]
    assert served_first(jobs[:1], [asked("bob"), jobs[1]]) is None
