"""What every user's judgements have in common right now, before any training."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from feedback.examples.build import rated_examples
from feedback.records import TrainingExample
from feedback.rules.from_corrections import LearnedRule
from feedback.rules.user_rules import UserRule, informative_examples, learned_rules_of, user_rules
from feedback.store.log import FeedbackLog
from server.errors import RulesNotReadyError

_MOST_USERS = 256


class RulesCache:
    """Answers which rules a user has.

    Comparing many long replies takes seconds, so each user's last answer is kept, and no user
    has two comparisons at a time.
    """

    def __init__(self, log: FeedbackLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, tuple[LearnedRule, ...]]] = OrderedDict()
        self._at_work: set[str] = set()

    def of(self, user_id: str) -> tuple[UserRule, ...]:
        """Every rule that stands or was decided on.

        Raises `RulesNotReadyError` while the user's judgements are being compared.
        """
        told = informative_examples(rated_examples(*self._log.turns_with_feedback(user_id)))
        learned = self._learned(user_id, told)
        return user_rules(told, learned, self._log.decisions(user_id))

    def forget(self, user_id: str) -> None:
        """Keep nothing of a user."""
        with self._lock:
            self._kept.pop(user_id, None)

    def _learned(self, user_id: str, told: Sequence[TrainingExample]) -> tuple[LearnedRule, ...]:
        content = hash(tuple((each.id, each.created_at) for each in told))
        with self._lock:
            known, learned = self._kept.get(user_id, (None, ()))
            if known == content:
                self._kept.move_to_end(user_id)
                return learned
            if user_id in self._at_work:
                raise RulesNotReadyError("Your judgements are being compared. Ask again soon.")
            self._at_work.add(user_id)
        try:
            learned = learned_rules_of(told)
            with self._lock:
                self._kept[user_id] = content, learned
                if len(self._kept) > _MOST_USERS:
                    self._kept.popitem(last=False)
        finally:
            with self._lock:
                self._at_work.remove(user_id)
        return learned
