"""Who shares cached prompts of the base."""

from itertools import combinations

import pytest

from server.accounts.accounts import Account, AccountKind
from server.chat.turn import prefix_scope


def account(name: str, kind: AccountKind = AccountKind.USER) -> Account:
    return Account(id=name, name=name, kind=kind, frontend_id=None, created_at=0.0)


ANN, FRONTEND = account("ann"), account("frontend", AccountKind.FRONTEND)
CALLS = {
    "ann": (ANN, ANN),
    "of the frontend": (FRONTEND, account("x")),
    "another of the frontend": (FRONTEND, account("y")),
    "nobody of the frontend": (FRONTEND, None),
}


@pytest.mark.parametrize(
    ("sharing", "sharers"),
    [
        ("all", list(combinations(CALLS, 2))),
        ("frontend", list(combinations(list(CALLS)[1:], 2))),
        ("user", []),
    ],
)
def test_the_setting_says_who_shares(sharing: str, sharers: list[tuple[str, str]]) -> None:
    scopes = {name: prefix_scope(sharing, *call) for name, call in CALLS.items()}
    assert [
        pair for pair in combinations(CALLS, 2) if len({scopes[n] for n in pair}) == 1
    ] == sharers
