"""The decision of one step."""

from hypothesis import given
from hypothesis import strategies as st

from server.engine.batcher import Step, next_step

counts = st.integers(0, 40)
sizes = st.integers(1, 32)
steps = st.sampled_from(list(Step))


@given(waiting=counts, running=counts, max_rows=sizes, previous=steps)
def test_a_full_batch_admits_nobody(
    waiting: int, running: int, max_rows: int, previous: Step
) -> None:
    step = next_step(waiting=waiting, running=running, max_rows=max_rows, previous=previous)
    if step is Step.PREFILL:
        assert waiting > 0 and running < max_rows


@given(waiting=counts, running=counts, max_rows=sizes, previous=steps)
def test_it_waits_only_when_there_is_nothing_to_do(
    waiting: int, running: int, max_rows: int, previous: Step
) -> None:
    step = next_step(waiting=waiting, running=running, max_rows=max_rows, previous=previous)
    assert (step is Step.WAIT) == (waiting == 0 and running == 0)


@given(waiting=counts, running=st.integers(1, 40), max_rows=sizes)
def test_running_replies_get_a_token_between_two_arrivals(
    waiting: int, running: int, max_rows: int
) -> None:
    step = next_step(waiting=waiting, running=running, max_rows=max_rows, previous=Step.PREFILL)
    assert step is Step.DECODE
