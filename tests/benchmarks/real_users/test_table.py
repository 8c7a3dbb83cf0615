"""The tables of hand-written users."""

from pathlib import Path

from tests.benchmarks.learning.results import Arm
from tests.benchmarks.real_users.results import Key, Measured, Results, Situation
from tests.benchmarks.real_users.table import report
from tests.benchmarks.real_users.user import read_users


def test_users_with_equal_shares_are_ranked_by_name(tmp_path: Path) -> None:
    results, users = Results(tmp_path / "results.jsonl"), read_users()[:2]
    for user in users:
        key = Key(user.name, 5, Arm.MEMORY, Situation.FIRST)
        results.append([Measured(key, ("",) * len(user.unseen), 0.0, None, "")])
    text = report(results, users[::-1], [5])
    assert text.index(f"\n- {users[0].name}:") < text.index(f"\n- {users[1].name}:")
