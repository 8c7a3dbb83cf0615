"""Finds which reply each turn of a chat continues. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from feedback.records import Feedback, Interaction, Message

PARENT = "parent"
"""The key of a turn's metadata with which a client may name the turn that it continues."""

_MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class ThreadedTurn:
    """A turn, the id of the turn whose reply it continues, and what was said since that reply.

    Without a known parent `messages` are all messages. System messages are never among them.
    """

    interaction: Interaction
    parent: str | None
    messages: tuple[Message, ...]


def threaded(turns: Iterable[Interaction], feedback: Iterable[Feedback]) -> list[ThreadedTurn]:
    """The turns of one chat, oldest first, as a tree: turns may continue the same reply.

    The parent of a turn is the one that its metadata names. Else it is the newest earlier one whose
    reply, written or corrected, stands in its messages after the same messages. Else it is the one
    with the same messages before some other reply; else, as in a shortened chat, the one with the
    same message and reply. System messages do not count.
    """
    known = _Known()
    written: dict[str, set[str]] = {}
    for each in feedback:
        if each.correction is not None:
            written.setdefault(each.completion_id, set()).add(each.correction)
    found = []
    for turn in turns:
        messages = tuple(each for each in turn.messages if each.role != "system")
        named = turn.metadata.get(PARENT, "")
        parent, end = known.named(named, messages) or known.parent_of(messages)
        found.append(ThreadedTurn(turn, parent, messages[end:]))
        known.add(turn.id, messages, {turn.reply, *written.get(turn.id, ())})
    return found


class _Known:
    """The turns so far, by what a later turn may have in its messages; newer ones win."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._by_prompt: dict[tuple[Message, ...], str] = {}
        self._by_reply: dict[tuple[Message, ...], str] = {}
        self._by_exchange: dict[tuple[Message, ...], str] = {}

    def add(self, turn_id: str, messages: tuple[Message, ...], replies: Iterable[str]) -> None:
        """Remember a turn and the texts that its reply may have."""
        self._ids.add(turn_id)
        self._by_prompt[messages] = turn_id
        for text in replies:
            reply = Message("assistant", text)
            self._by_reply[(*messages, reply)] = turn_id
            self._by_exchange[(*messages[-1:], reply)] = turn_id

    def named(self, turn_id: str, messages: Sequence[Message]) -> tuple[str, int] | None:
        """The same as `parent_of` for a turn that is named, if it is known."""
        if turn_id not in self._ids:
            return None
        replies = [at for at, message in enumerate(messages) if message.role == "assistant"]
        return turn_id, replies[-1] + 1 if replies else 0

    def parent_of(self, messages: tuple[Message, ...]) -> tuple[str | None, int]:
        """The id of the parent, and where its reply ends in `messages`."""
        replies = [at for at, message in enumerate(messages) if message.role == "assistant"]
        for at in reversed(replies[-_MAX_TRIES:]):
            found = (
                self._by_reply.get(messages[: at + 1])
                or self._by_prompt.get(messages[:at])
                or self._by_exchange.get(messages[max(0, at - 1) : at + 1])
            )
            if found is not None:
                return found, at + 1
        return None, 0
