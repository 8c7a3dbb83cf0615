"""Who is due for training, and who goes first."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scheduler.policy import FAILED_COOLDOWN_FACTOR, Candidate, is_due, order
from scheduler.records import PolicyConfig, RunStatus

NOW = 1_000_000.0
CONFIG = PolicyConfig(min_new_feedback=5, cooldown=600.0, daily_runs=24)
DUE = Candidate(
    user_id="u",
    new_feedback=5,
    since_rollback=None,
    has_withdrawal=False,
    last_run_at=None,
    last_run_status=None,
    runs_today=0,
    is_frozen=False,
    has_open_run=False,
)

candidates = st.builds(
    Candidate,
    user_id=st.text("abc", min_size=1, max_size=4),
    new_feedback=st.integers(0, 20),
    since_rollback=st.none() | st.integers(0, 20),
    has_withdrawal=st.booleans(),
    last_run_at=st.none() | st.floats(NOW - 10_000, NOW + 10_000),
    last_run_status=st.sampled_from([None, RunStatus.PROMOTED, RunStatus.FAILED]),
    runs_today=st.integers(0, 40),
    is_frozen=st.booleans(),
    has_open_run=st.booleans(),
)
configs = st.builds(
    PolicyConfig,
    min_new_feedback=st.integers(0, 20),
    cooldown=st.floats(0, 5_000),
    daily_runs=st.integers(0, 40),
)


def test_a_user_with_enough_new_feedback_is_due() -> None:
    decision = is_due(DUE, CONFIG, NOW)
    assert decision.due
    assert decision.reason == "5 new feedback items"


def test_too_little_feedback_says_how_much_is_needed() -> None:
    decision = is_due(replace(DUE, new_feedback=1), CONFIG, NOW)
    assert not decision.due
    assert decision.reason == "1 new feedback item; training starts at 5"


def test_after_a_rollback_older_feedback_is_not_enough() -> None:
    decision = is_due(replace(DUE, new_feedback=8, since_rollback=4), CONFIG, NOW)
    assert decision.reason == (
        "8 new feedback items, 4 of them since the rollback; training starts at 5 since then"
    )
    assert is_due(replace(DUE, new_feedback=9, since_rollback=5), CONFIG, NOW).due


def test_the_cooldown_says_how_long_it_lasts() -> None:
    ran = replace(DUE, last_run_at=NOW - 300, last_run_status=RunStatus.PROMOTED)
    decision = is_due(ran, CONFIG, NOW)
    assert not decision.due
    assert decision.reason == "5 new feedback items; the next run waits 5 min"


def test_a_failed_run_waits_longer() -> None:
    failed = replace(DUE, last_run_at=NOW - CONFIG.cooldown, last_run_status=RunStatus.FAILED)
    assert not is_due(failed, CONFIG, NOW).due
    assert is_due(failed, CONFIG, NOW + CONFIG.cooldown * FAILED_COOLDOWN_FACTOR).due


def test_a_clock_that_was_set_back_delays_nobody() -> None:
    ran = replace(DUE, last_run_at=NOW + 86_400, last_run_status=RunStatus.PROMOTED)
    assert is_due(ran, CONFIG, NOW).due


def test_a_withdrawal_makes_a_user_due_at_once_and_says_so() -> None:
    withdrawn = replace(
        DUE,
        new_feedback=1,
        since_rollback=1,
        has_withdrawal=True,
        last_run_at=NOW - 1,
        last_run_status=RunStatus.PROMOTED,
    )
    decision = is_due(withdrawn, CONFIG, NOW)
    assert decision.due
    assert decision.reason == (
        "feedback that the version in use had learned from was deleted or changed"
    )


def test_after_a_failure_a_withdrawal_waits_like_others() -> None:
    failed = replace(
        DUE, has_withdrawal=True, last_run_at=NOW - 1, last_run_status=RunStatus.FAILED
    )
    assert is_due(failed, CONFIG, NOW).reason.endswith("the next run waits 60 min after a failure")


@given(candidates, configs)
def test_only_a_user_within_every_bound_is_due(candidate: Candidate, config: PolicyConfig) -> None:
    if is_due(candidate, config, NOW).due:
        has_news = candidate.new_feedback >= max(1, config.min_new_feedback)
        assert has_news or candidate.has_withdrawal
        assert candidate.runs_today < config.daily_runs
        assert not candidate.is_frozen
        assert not candidate.has_open_run


@given(candidates, configs)
def test_every_user_with_new_feedback_becomes_due_in_time(
    candidate: Candidate, config: PolicyConfig
) -> None:
    unhindered = replace(candidate, is_frozen=False, has_open_run=False, runs_today=0)
    later = NOW + 10_000 + config.cooldown * FAILED_COOLDOWN_FACTOR
    needed = max(1, config.min_new_feedback)
    since = candidate.since_rollback
    has_news = candidate.new_feedback >= needed and (since is None or since >= needed)
    has_news |= candidate.has_withdrawal
    assert is_due(unhindered, config, later).due == (has_news and config.daily_runs > 0)


@given(candidates, configs, st.integers(1, 10))
def test_more_feedback_never_makes_a_user_less_due(
    candidate: Candidate, config: PolicyConfig, more: int
) -> None:
    richer = replace(candidate, new_feedback=candidate.new_feedback + more)
    assert is_due(richer, config, NOW).due >= is_due(candidate, config, NOW).due


@given(candidates, configs)
def test_every_decision_gives_a_reason(candidate: Candidate, config: PolicyConfig) -> None:
    assert is_due(candidate, config, NOW).reason


@given(st.lists(candidates, max_size=8))
def test_the_longest_waiting_user_goes_first(crowd: list[Candidate]) -> None:
    line = order(crowd)
    waiting_since = [-1.0 if one.last_run_at is None else one.last_run_at for one in line]
    assert waiting_since == sorted(waiting_since)
    assert sorted(map(repr, line)) == sorted(map(repr, crowd))


@given(
    st.lists(candidates, unique_by=lambda one: one.user_id).flatmap(
        lambda crowd: st.tuples(st.just(crowd), st.permutations(crowd))
    )
)
def test_the_order_does_not_depend_on_the_input_order(
    crowds: tuple[list[Candidate], list[Candidate]],
) -> None:
    assert order(crowds[0]) == order(crowds[1])
