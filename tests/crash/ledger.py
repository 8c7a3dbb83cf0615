"""What clients asked for, and what the server acknowledged. Safe to share between threads.

Every text is unique, so what is stored can be found by it, and counted.
"""

import itertools
import threading
from dataclasses import dataclass, field


@dataclass
class Turn:
    """A chat request; `id` and `reply` are known once the whole answer has arrived.

    `is_deleted` is None while a deletion was asked for and not acknowledged.
    """

    user: str
    text: str
    id: str | None = None
    reply: str | None = None
    is_deleted: bool | None = False


@dataclass
class Given:
    """Feedback on a turn: a correction or a comment. `id` is known once it is acknowledged."""

    user: str
    turn: Turn
    text: str
    id: str | None = None
    is_deleted: bool | None = False


@dataclass
class Title:
    """The title that a user gives a chat, once."""

    user: str
    chat_id: str
    text: str
    is_acknowledged: bool = False


@dataclass(frozen=True)
class Import:
    """Corrections that one unacknowledged request imports: all of them are stored, or none."""

    texts: tuple[str, ...]


@dataclass
class Ledger:
    """Everything that was asked for and acknowledged since the data folder was made.

    `runs` and `versions` are acknowledged: run ids, and users with their versions' numbers. An
    import that is acknowledged is in `turns` and `given` instead. `learned` are the examples of
    feedback that each trained version holds, by user and number.
    """

    turns: list[Turn] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    titles: list[Title] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    versions: list[tuple[str, int]] = field(default_factory=list)
    learned: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def text(self, kind: str) -> str:
        """A text that nobody has sent before."""
        with self._lock:
            return f"{kind} {next(self._numbers)}"

    def new_turn(self, user: str) -> Turn:
        """A turn that is about to be asked for."""
        turn = Turn(user, self.text("question"))
        self.turns.append(turn)
        return turn

    def new_feedback(self, turn: Turn) -> Given:
        """Feedback that is about to be sent."""
        given = Given(turn.user, turn, self.text("correction"))
        self.given.append(given)
        return given

    def new_title(self, user: str, chat_id: str) -> Title:
        """A title that is about to be given."""
        title = Title(user, chat_id, self.text("title"))
        self.titles.append(title)
        return title

    def num_acknowledged(self) -> int:
        """How many turns, feedback, titles, deletions, runs and versions were acknowledged."""
        items: list[Turn | Given] = [*self.turns, *self.given]
        stored = sum(each.id is not None for each in items)
        deleted = sum(each.is_deleted is True for each in items)
        named = sum(each.is_acknowledged for each in self.titles)
        return stored + named + deleted + len(self.runs) + len(self.versions)
