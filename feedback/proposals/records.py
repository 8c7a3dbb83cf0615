"""The vocabulary of proposed practice. Times are UTC seconds since the epoch as `float`."""

from dataclasses import dataclass
from enum import StrEnum

from feedback.task_types import TaskType

MAX_OPEN = 400
"""Proposals of one user that may wait for a decision."""
MAX_DROPPED = 400
"""Dropped proposals that are kept of one user, so that nothing like them is proposed again."""


class ProposalStatus(StrEnum):
    """What the user decided; only `APPROVED` ones count."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Proposal:
    """An instruction that the model invented, with a reply, for its user to decide on.

    `written` is the reply as the model wrote it, without the sentence that the length limit cut
    off (`is_truncated`); `rules` are the sentences of the user's rules that made `proposed` of it, and
    `reply` is what the user has made of that. `adapter` wrote it: `base` or a label such as `v3`.
    `decided_at` is when the user decided or edited last.
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
