"""The records of proposals. Times are UTC seconds since the epoch as `float`."""

from dataclasses import dataclass
from enum import StrEnum

from feedback.task_types import TaskType

MAX_OPEN = 400
"""Proposals per user that may wait for a decision."""
MAX_DROPPED = 400
"""Dropped proposals stored per user, so that nothing similar is proposed again."""


class ProposalStatus(StrEnum):
    """The user's decision; only `APPROVED` proposals train."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Proposal:
    """An instruction that the model invented, with a reply, for its user to decide on.

    `written` is the model's reply, without a truncated last sentence (`is_truncated`). The user's
    rules (`rules`, as sentences) rewrote it to `proposed`, which the user may have edited to
    `reply`. `adapter` wrote it: `base` or a label such as `v3`. `decided_at` is the time of the
    last decision or edit.
    """

    id: str
    user_id: str
    kind: TaskType
    instruction: str
    reply: str
    proposed: str
    written: str
    is_truncated: bool
    rules: tuple[str, ...]
    adapter: str
    created_at: float
    status: ProposalStatus = ProposalStatus.PROPOSED
    decided_at: float | None = None

    @property
    def is_edited(self) -> bool:
        """Whether the user wrote another reply."""
        return self.reply != self.proposed
