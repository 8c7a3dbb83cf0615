from collections.abc import Iterator
from pathlib import Path

import pytest

from server.accounts.moves import Move, Moves, MoveState, UserMovingError
from server.database import SharedDatabase

LEAVING = Move(MoveState.LEAVING, None, unfreezes=True)


@pytest.fixture
def moves(tmp_path: Path) -> Iterator[Moves]:
    with SharedDatabase(tmp_path / "loralei.db") as database:
        yield Moves(database)


def test_a_request_counts_until_it_is_answered(moves: Moves) -> None:
    leave = moves.enter("ann")
    assert (moves.num_present("ann"), moves.num_present("bob")) == (1, 0)
    assert not moves.wait_until_quiet("ann", 0)
    leave()
    assert moves.wait_until_quiet("ann", 0)


def test_a_request_of_a_user_who_is_leaving_is_refused_and_does_not_count(moves: Moves) -> None:
    leave = moves.enter("ann")
    moves.set("ann", LEAVING, now=1.0)
    with pytest.raises(UserMovingError):
        moves.enter("ann")
    assert moves.num_present("ann") == 1
    leave()
    assert moves.of("ann") == LEAVING
    assert moves.all() == ["ann"]


def test_after_the_move_requests_are_let_in_again(moves: Moves) -> None:
    moves.set("ann", LEAVING, now=1.0)
    moves.end("ann")
    moves.enter("ann")
    assert moves.of("ann") is None
