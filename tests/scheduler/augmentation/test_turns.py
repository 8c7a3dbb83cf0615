"""Threads that share something take turns."""

import threading

import pytest

from scheduler.augmentation.turns import Turns
from scheduler.errors import TrainingCancelledError
from tests.waiting import wait_until


def never() -> bool:
    return False


def test_a_second_caller_waits_for_the_first() -> None:
    turns, had = Turns(), []

    def take() -> None:
        with turns.take(never):
            had.append("second")

    thread = threading.Thread(target=take)
    with turns.take(never):
        thread.start()
        had.append("first")
    thread.join()
    assert had == ["first", "second"]


def test_a_cancelled_caller_no_longer_waits() -> None:
    turns, is_cancelled = Turns(), threading.Event()
    ended: list[BaseException] = []

    def take() -> None:
        try:
            with turns.take(is_cancelled.is_set):
                raise AssertionError("it was not its turn")
        except TrainingCancelledError as error:
            ended.append(error)

    thread = threading.Thread(target=take)
    with turns.take(never):
        thread.start()
        is_cancelled.set()
        wait_until(lambda: ended)
    thread.join()


def test_a_turn_ends_with_an_error() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns.take(never):
        raise KeyError
    with turns.take(never):
        pass
