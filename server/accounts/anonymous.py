"""Counts the requests of frontends that name no user: for them nothing is remembered or learned."""

import logging
import threading
from collections import Counter

from server.accounts.accounts import Account
from server.accounts.identity import IdentityRules, how_to_name_users

_log = logging.getLogger(__name__)


class AnonymousRequests:
    """How many such requests each frontend made since the start. Safe to share between threads.

    `rules` are those of frontends that have none of their own.
    """

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, frontend: Account) -> None:
        """Count one; the first of a frontend is logged, with the remedy."""
        with self._lock:
            self._counts[frontend.id] += 1
            is_first = self._counts[frontend.id] == 1
        if is_first:
            _log.warning(
                "the frontend %s names no user, so nothing is remembered or learned: %s",
                frontend.name,
                self.remedy(frontend),
            )

    def frontends(self) -> list[str]:
        """The ids of the frontends with such requests."""
        with self._lock:
            return sorted(self._counts)

    def count(self, frontend_id: str) -> int:
        """How many requests of a frontend named nobody."""
        return self._counts[frontend_id]

    def remedy(self, frontend: Account) -> str:
        """What to do about such requests of a frontend, in a sentence."""
        return how_to_name_users(frontend.identity_rules or self._rules)
