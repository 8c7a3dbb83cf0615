"""The index of unseen feedback finds whom a scan of all users would find, on random histories."""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scheduler.records import PolicyConfig, RunStatus
from tests.scheduler.history import History

USERS = st.sampled_from(["ann", "bob"])
ITEMS = st.sampled_from(["f0", "f1", "f2"])
POLICIES = [
    *(PolicyConfig(min_new_feedback=n, cooldown=0.0, daily_runs=1000) for n in (0, 1, 2, 3)),
    PolicyConfig(min_new_feedback=1, cooldown=4.0, daily_runs=6),
]
Outcome = tuple[RunStatus, str | None]
OUTCOMES = st.sampled_from(
    [
        (RunStatus.PROMOTED, "abc"),
        (RunStatus.REFUSED, "abc"),
        (RunStatus.REFUSED, None),
        (RunStatus.FAILED, "abc"),
    ]
)


class IndexModel(RuleBasedStateMachine):
    """One history with a clock that only goes ahead, and the same one with a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.jumping_now = 1000.0
        self.steady, self.jumping = History(), History()

    def act(self, act: Callable[[History, float], None]) -> None:
        self.now += 1.0
        self.jumping_now += 1.0
        act(self.steady, self.now)
        act(self.jumping, self.jumping_now)

    @rule(by=st.sampled_from([-200_000.0, -3.0, 200_000.0]))
    def set_clock(self, by: float) -> None:
        self.jumping_now += by

    @rule(user=USERS, item=ITEMS)
    def like(self, user: str, item: str) -> None:
        self.act(lambda history, at: history.like(user, item, at))

    @rule(user=USERS, item=ITEMS)
    def withdraw(self, user: str, item: str) -> None:
        self.act(lambda history, at: history.withdraw(user, item, at))

    @rule(user=USERS)
    def start(self, user: str) -> None:
        self.act(lambda history, at: history.start(user, at))

    @rule(user=USERS, outcome=OUTCOMES)
    def end(self, user: str, outcome: Outcome) -> None:
        self.act(lambda history, at: history.end(user, *outcome, at))

    @rule(user=USERS, item=st.none() | ITEMS, is_rolled_back=st.booleans(), outcome=OUTCOMES)
    def train(self, user: str, item: str | None, is_rolled_back: bool, outcome: Outcome) -> None:
        self.start(user)
        if is_rolled_back:
            self.roll_back(user)
        if item:
            self.like(user, item)
        self.end(user, outcome)

    @rule(user=USERS)
    def roll_back(self, user: str) -> None:
        self.act(lambda history, at: history.roll_back(user, at))

    @rule(user=USERS, is_frozen=st.booleans())
    def freeze(self, user: str, is_frozen: bool) -> None:
        self.act(lambda history, at: history.freeze(user, is_frozen, at))

    @rule(user=USERS)
    def erase(self, user: str) -> None:
        self.act(lambda history, at: history.erase(user))

    @rule()
    def restart(self) -> None:
        self.act(lambda history, at: history.open_index())

    @rule()
    def restart_after_an_earlier_release(self) -> None:
        self.steady.drop_index()
        self.restart()

    @invariant()
    def finds_whom_a_scan_finds(self) -> None:
        for config in POLICIES:
            found = self.steady.due(config, self.now)
            assert found == self.steady.due_by_scan(config, self.now)

    @invariant()
    def counts_what_a_scan_counts(self) -> None:
        for user in self.steady.users():
            counted = self.steady.candidates.of(user, self.now).new_feedback
            assert counted == self.steady.by_time(user, self.now).new_feedback

    @invariant()
    def counts_the_same_whatever_the_clock_says(self) -> None:
        assert self.jumping.indexed() == self.steady.indexed()

    @invariant()
    def holds_no_erased_user(self) -> None:
        assert self.steady.indexed().keys() == self.steady.users()

    def teardown(self) -> None:
        self.steady.database.close()
        self.jumping.database.close()


IndexModel.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
TestIndexModel = IndexModel.TestCase
