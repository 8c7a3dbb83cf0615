"""The log on production's shared connection, used by several threads at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from feedback.records import FeedbackStatus
from feedback.store.log import FeedbackLog
from server.database import SharedDatabase
from tests.feedback.make import make_feedback, make_interaction

THREADS = 8
TURNS = 25


def work(log: FeedbackLog, user_id: str) -> None:
    for number in range(TURNS):
        target = f"chatcmpl-{user_id}-{number}"
        feedback = make_feedback(f"f{number}", user_id, target, value=1)
        if number % 2:
            log.add_feedback(feedback)  # arrives before its interaction
        log.store(make_interaction(target, user_id))
        log.add_feedback(feedback)
        assert log.feedback(user_id, feedback.id).status is FeedbackStatus.APPLIED
        if number % 5 == 0:
            log.delete_interaction(user_id, target)


def test_many_threads_lose_nothing_and_mix_nothing(tmp_path: Path) -> None:
    users = [f"user-{number}" for number in range(THREADS)]
    with SharedDatabase(tmp_path / "log.db") as database:
        log = FeedbackLog(database)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda user: work(log, user), users))
        for user in users:
            interactions, feedback = log.turns_with_feedback(user)
            assert len(interactions) == len(feedback) == TURNS - TURNS // 5
            assert {each.user_id for each in interactions} == {user}
            assert {each.user_id for each in feedback} == {user}


def test_the_same_feedback_from_many_threads_is_one_row(tmp_path: Path) -> None:
    with SharedDatabase(tmp_path / "log.db") as database:
        log = FeedbackLog(database)
        log.store(make_interaction())
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(log.add_feedback, [make_feedback(value=1)] * 50))
        assert sum(is_new for _, is_new in answers) == 1
        assert len(log.list_feedback("ann")[0]) == 1


def test_acknowledged_feedback_is_there_after_reopening(tmp_path: Path) -> None:
    with SharedDatabase(tmp_path / "log.db") as database:
        log = FeedbackLog(database)
        log.store(make_interaction())
        stored, _ = log.add_feedback(make_feedback(value=1))
    with SharedDatabase(tmp_path / "log.db") as database:
        assert FeedbackLog(database).feedback("ann", stored.id) == stored
