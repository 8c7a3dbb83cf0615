"""How much of each prompt the next step prefills."""

from hypothesis import given
from hypothesis import strategies as st

from server.engine.scheduling import prefill_shares

prompts = st.lists(st.integers(1, 5000), max_size=20)
budgets = st.integers(1, 1024)


@given(remaining=prompts, decoding=st.integers(1, 64), budget=budgets)
def test_replies_being_written_never_wait_for_more_than_the_budget(
    remaining: list[int], decoding: int, budget: int
) -> None:
    assert sum(prefill_shares(remaining, decoding=decoding, budget=budget)) <= budget


@given(remaining=prompts.filter(bool), decoding=st.integers(0, 64), budget=budgets)
def test_the_first_prompt_always_gets_on(remaining: list[int], decoding: int, budget: int) -> None:
    assert prefill_shares(remaining, decoding=decoding, budget=budget)[0] > 0


@given(remaining=prompts, decoding=st.integers(0, 64), budget=budgets)
def test_no_prompt_is_prefilled_before_an_earlier_one_is_done(
    remaining: list[int], decoding: int, budget: int
) -> None:
    shares = prefill_shares(remaining, decoding=decoding, budget=budget)
    assert all(0 <= share <= left for share, left in zip(shares, remaining, strict=True))
    for earlier, left, later in zip(shares, remaining, shares[1:], strict=False):
        assert later == 0 or earlier == left
