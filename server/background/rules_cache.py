"""Every user's rules as of now, before any training."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from feedback.examples.build import rated_examples
from feedback.memory.rule_notes import explaining_rules, newest_edits
from feedback.records import Demonstration, TrainingExample
from feedback.rules.from_corrections import LearnedRule
from feedback.rules.rule import Rule
from feedback.rules.user_rules import (
    UserRule,
    active_rules,
    informative_examples,
    learn_rules,
    user_rules,
)
from feedback.store.log import FeedbackLog
from server.errors import RulesNotReadyError

_MOST_USERS = 256
_MOST_CHATTING = 4096
"""Users whose chats must not learn their rules again; no texts are kept."""


class RulesCache:
    """The rules of each user.

    Learning them from many long replies takes seconds. So each user's rules are cached until their
    feedback changes, and are never learned twice at the same time.
    """

    def __init__(self, log: FeedbackLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, tuple[int, tuple[LearnedRule, ...]]] = OrderedDict()
        self._of_memory: OrderedDict[str, dict[int, tuple[LearnedRule, ...]]] = OrderedDict()
        self._in_progress: set[str] = set()

    def of(self, user_id: str) -> tuple[UserRule, ...]:
        """Every rule that is active or that the user decided on.

        Raises `RulesNotReadyError` while another request learns the user's rules.
        """
        examples = informative_examples(
            rated_examples(*self._log.recent_turns_with_feedback(user_id))
        )
        learned = self._learned(user_id, examples)
        return user_rules(examples, learned, self._log.decisions(user_id))

    def of_memory(self, user_id: str, demonstrations: Iterable[Demonstration]) -> tuple[Rule, ...]:
        """The rules that explain what a user's memory shows, as `rules_of` has them."""
        edits = newest_edits(demonstrations)
        key = hash(edits)
        with self._lock:
            learned = self._of_memory.get(user_id, {}).get(key)
        if learned is None:
            learned = explaining_rules(edits)
            with self._lock:
                # A chat asks twice: for all corrections, and for those that no version learned.
                known = list(self._of_memory.pop(user_id, {}).items())[-1:]
                self._of_memory[user_id] = dict([*known, (key, learned)])
                if len(self._of_memory) > _MOST_CHATTING:
                    self._of_memory.popitem(last=False)
        return active_rules(learned, self._log.decisions(user_id))

    def forget(self, user_id: str) -> None:
        """Drop a user's cached rules."""
        with self._lock:
            self._cached.pop(user_id, None)
            self._of_memory.pop(user_id, None)

    def _learned(
        self, user_id: str, examples: Sequence[TrainingExample]
    ) -> tuple[LearnedRule, ...]:
        key = hash(tuple((each.id, each.created_at) for each in examples))
        with self._lock:
            cached_key, learned = self._cached.get(user_id, (None, ()))
            if cached_key == key:
                self._cached.move_to_end(user_id)
                return learned
            if user_id in self._in_progress:
                raise RulesNotReadyError("Your rules are being learned. Try again soon.")
            self._in_progress.add(user_id)
        try:
            learned = learn_rules(examples)
            with self._lock:
                self._cached[user_id] = key, learned
                if len(self._cached) > _MOST_USERS:
                    self._cached.popitem(last=False)
        finally:
            with self._lock:
                self._in_progress.remove(user_id)
        return learned
