"""Compares the log with a model made of two dictionaries, on random histories."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlite_utils import Database

from feedback.errors import NotFoundError
from feedback.records import Feedback, FeedbackStatus, Interaction
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction

USERS = ("ann", "bob")
TURN_IDS = st.sampled_from([f"c{number}" for number in range(4)])
NAMES = st.sampled_from(["f0", "f1", "f2"])


class LogModel(RuleBasedStateMachine):
    """Ratings that are added, changed and deleted, before and after their turns."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.database = Database(memory=True)
        self.log = FeedbackLog(self.database, clock=lambda: self.now)
        self.turns: dict[str, Interaction] = {}
        self.likes: dict[tuple[str, str], Feedback] = {}
        self.deleted: set[str] = set()

    @rule(user=st.sampled_from(USERS), turn_id=TURN_IDS)
    def store(self, user: str, turn_id: str) -> None:
        if turn_id in self.turns or turn_id in self.deleted:
            return
        self.turns[turn_id] = make_interaction(turn_id, user)
        self.log.store(self.turns[turn_id])
        for key, like in self.likes.items():
            if like.completion_id == turn_id and key[0] == user:
                self.likes[key] = replace(like, status=FeedbackStatus.APPLIED)

    @rule(user=st.sampled_from(USERS), name=NAMES, turn_id=TURN_IDS, value=st.sampled_from([1, -1]))
    def judge(self, user: str, name: str, turn_id: str, value: int) -> None:
        self.now += 1
        like = make_feedback(name, user, turn_id, value=value, at=self.now, created_at=self.now)
        turn = self.turns.get(turn_id)
        if turn_id in self.deleted or (turn is not None and turn.user_id != user):
            self.refuses(lambda: self.log.add_feedback(like))
            return
        earlier = self.likes.get((user, name))
        if not self.is_repeated(like):
            self.likes[user, name] = replace(
                like,
                created_at=earlier.created_at if earlier else like.created_at,
                status=FeedbackStatus.PENDING if turn is None else FeedbackStatus.APPLIED,
            )
        assert self.log.add_feedback(like) == (self.likes[user, name], earlier is None)

    @rule(user=st.sampled_from(USERS), name=NAMES)
    def delete_feedback(self, user: str, name: str) -> None:
        self.now += 1
        if self.likes.pop((user, name), None) is None:
            self.refuses(lambda: self.log.delete_feedback(user, name, self.now))
        else:
            self.log.delete_feedback(user, name, self.now)

    @rule(user=st.sampled_from(USERS), turn_id=TURN_IDS)
    def delete_interaction(self, user: str, turn_id: str) -> None:
        turn = self.turns.get(turn_id)
        if turn is None or turn.user_id != user:
            self.refuses(lambda: self.log.delete_interaction(user, turn_id))
            return
        self.log.delete_interaction(user, turn_id)
        self.forget([turn_id])
        self.keep_likes(lambda like: not (like.user_id == user and like.completion_id == turn_id))

    @precondition(lambda self: self.turns or self.likes)
    @rule(user=st.sampled_from(USERS))
    def erase(self, user: str) -> None:
        owned = [each.id for each in self.turns.values() if each.user_id == user]
        likes = [each for each in self.likes.values() if each.user_id == user]
        assert self.log.erase(user) == len(owned) + len(likes)
        self.forget(owned)
        self.keep_likes(lambda like: like.user_id != user)

    @invariant()
    def agrees_with_the_model(self) -> None:
        for user in USERS:
            likes = [each for each in self.likes.values() if each.user_id == user]
            by_age = sorted(likes, key=lambda each: (each.created_at, each.id))
            assert self.log.list_feedback(user) == (by_age, False)
            applied = [each for each in by_age if each.status is FeedbackStatus.APPLIED]
            interactions, feedback = self.log.turns_with_feedback(user)
            assert feedback == applied
            assert {each.id for each in interactions} == {each.completion_id for each in applied}
            counts = self.log.counts(user)
            assert counts.feedback == counts.liked + counts.disliked == len(applied)
            assert counts.pending == len(likes) - len(applied)

    def is_repeated(self, like: Feedback) -> bool:
        """Whether the same item says the same already, and nothing newer says otherwise."""
        rated = (like.user_id, like.completion_id)
        given = [e for e in self.likes.values() if (e.user_id, e.completion_id) == rated]
        newest = max(given, key=lambda each: each.updated_at, default=None)
        return (
            newest is not None
            and newest.value == like.value
            and any((each.id, each.value) == (like.id, like.value) for each in given)
        )

    def forget(self, ids: list[str]) -> None:
        for each in ids:
            del self.turns[each]
        self.deleted.update(ids)

    def keep_likes(self, is_kept: Callable[[Feedback], bool]) -> None:
        self.likes = {key: like for key, like in self.likes.items() if is_kept(like)}

    def refuses(self, action: Callable[[], object]) -> None:
        with pytest.raises(NotFoundError):
            action()

    def teardown(self) -> None:
        self.database.close()


LogModel.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
TestLogModel = LogModel.TestCase
