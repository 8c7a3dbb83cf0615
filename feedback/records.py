"""The records: interactions, feedback on them, and the training examples made of both.

Times are UTC seconds since the epoch as `float`. The server makes ids unless said otherwise.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

ORGANISATION = "user-organisation"
"""The owner of the organisation's adapter. No account can have this name, and it has no key."""


class InteractionKind(StrEnum):
    """Why a client asked; training uses `CHAT` only."""

    CHAT = "chat"
    BACKGROUND = "background"


class InteractionStatus(StrEnum):
    """How an exchange ended; training uses `COMPLETE` only."""

    COMPLETE = "complete"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"


class FeedbackStatus(StrEnum):
    """`PENDING` feedback names a completion that is not stored yet."""

    APPLIED = "applied"
    PENDING = "pending"


class ExampleKind(StrEnum):
    """How an example trains: towards a written reply (`SFT`), towards one reply and away from
    another (`DPO`), towards a liked reply, or away from a disliked one."""

    SFT = "sft"
    DPO = "dpo"
    DESIRABLE = "desirable"
    UNDESIRABLE = "undesirable"


class ExampleSource(StrEnum):
    """What made an example: one type of feedback, or the user's rules."""

    CORRECTION = "correction"
    LIKED = "liked"
    DISLIKED = "disliked"
    PREFERENCE = "preference"
    REGENERATED = "regenerated"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is `system`, `user`, `assistant` or `tool`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Interaction:
    """One exchange: the messages that a user sent, the replies, and the adapter that wrote them.

    `adapter` is `"base"` or a version label such as `"v3"`. `replies` has one text per choice;
    feedback is about the first. `listed` is OpenAI's `store: true`. `message_id` is the id that a
    frontend has given the reply. `has_instructions`: the first message was sent as the Responses
    API's `instructions`, which the next response does not carry over. `organisation` is the label
    of the organisation's version that took part, if one did.
    """

    id: str
    user_id: str
    conversation_id: str
    created_at: float
    model: str
    adapter: str
    messages: tuple[Message, ...]
    replies: tuple[str, ...]
    finish_reasons: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    kind: InteractionKind = InteractionKind.CHAT
    status: InteractionStatus = InteractionStatus.COMPLETE
    listed: bool = False
    request_hash: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    message_id: str | None = None
    has_instructions: bool = False
    organisation: str | None = None

    @property
    def is_truncated(self) -> bool:
        """Whether the length limit ended the first reply."""
        return self.finish_reasons[:1] == ("length",)

    @property
    def is_unwritten(self) -> bool:
        """Whether the length limit ended the first reply while the model still thought."""
        return self.is_truncated and not self.reply.strip()

    @property
    def reply(self) -> str:
        """The reply that feedback is about: the first choice."""
        return self.replies[0] if self.replies else ""

    @property
    def uses_tools(self) -> bool:
        """Whether a tool was called or answered; training would render that differently."""
        has_answers = any(message.role == "tool" for message in self.messages)
        return has_answers or "tool_calls" in self.finish_reasons

    @property
    def is_learnable(self) -> bool:
        """Whether feedback on it may train: a finished chat turn without tools."""
        is_finished_chat = (
            self.kind is InteractionKind.CHAT and self.status is InteractionStatus.COMPLETE
        )
        return is_finished_chat and not self.uses_tools


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation as its user sees it: their title, or else the beginning of the first message.

    `updated_at` is when the newest of its `replies` was asked for. Neither background requests nor
    superseded attempts count.
    """

    id: str
    title: str
    created_at: float
    updated_at: float
    replies: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """One user's feedback on one completion: any of rating, correction, preference and comment.

    `value` is the rating: +1, -1 or None. `preferred_over` is the id of the completion that lost.
    The client or the server makes `id`, which is unique per user.
    """

    id: str
    user_id: str
    completion_id: str
    created_at: float
    updated_at: float
    value: int | None = None
    correction: str | None = None
    preferred_over: str | None = None
    comment: str | None = None
    reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    status: FeedbackStatus = FeedbackStatus.APPLIED


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One training example, with the ids of the interactions and feedback that it was made from.

    `id` is the SHA-256 of the content: equal examples have equal ids. `chosen` is empty for
    `UNDESIRABLE`, which has only `rejected`; else only `DPO` has `rejected`. `revised_from` is the
    reply before its correction. `is_truncated`: the length limit ended `reply`, so there is no end
    to learn.
    """

    id: str = field(init=False)
    user_id: str
    kind: ExampleKind
    messages: tuple[Message, ...]
    chosen: str
    source: ExampleSource
    conversation_id: str
    created_at: float
    rejected: str | None = None
    interaction_ids: tuple[str, ...] = ()
    feedback_ids: tuple[str, ...] = ()
    revised_from: str | None = None
    is_truncated: bool = False

    def __post_init__(self) -> None:
        turns = [[message.role, message.content] for message in self.messages]
        texts = turns, self.chosen, self.rejected
        # 1.0 was once a weight; the hashes of stored ids contain it.
        content = [self.kind.value, *texts, 1.0, self.revised_from, self.is_truncated]
        digest = sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
        object.__setattr__(self, "id", digest)

    @property
    def reply(self) -> str:
        """The reply that the example is about: the disliked one, else the one to learn."""
        is_undesirable = self.kind is ExampleKind.UNDESIRABLE
        return (self.rejected or "") if is_undesirable else self.chosen


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An earlier question with the reply that the user wrote or liked: one few-shot example.

    `example_id` is the id of the training example that the same feedback makes. A liked reply
    `is_typical` if it shows what the user likes whatever they ask. `original` is what a correction
    corrects.
    """

    example_id: str
    question: str
    reply: str
    is_corrected: bool
    feedback_at: float
    is_typical: bool = False
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """A user's demonstrations and notes: all of them, or those selected for a prompt.

    Notes are comments and what corrections have in common.
    """

    demonstrations: tuple[Demonstration, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A user's examples, frozen: split by conversation, in a fixed order, under a content hash."""

    user_id: str
    train: tuple[TrainingExample, ...]
    held_out: tuple[TrainingExample, ...]
    content_hash: str

    @property
    def examples(self) -> tuple[TrainingExample, ...]:
        """All examples, in the order that the final refit trains on."""
        return self.train + self.held_out


@dataclass(frozen=True, slots=True)
class FeedbackDay:
    """How much applied feedback was given on a day, such as 2026-03-31."""

    day: str
    up: int
    down: int
    corrections: int


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """How many interactions and how much feedback one user has.

    `interactions` are chat turns, without background requests and superseded attempts.
    `feedback` counts applied items; one item can count in several of `corrections`, `liked`,
    `disliked` and `pairs`. `pending` items wait for their completion.
    """

    interactions: int
    feedback: int
    corrections: int
    liked: int
    disliked: int
    pairs: int
    pending: int


@dataclass(frozen=True, slots=True)
class OrganisationChoice:
    """A user's choice since `at`: whether the organisation's adapter may learn from their examples
    (`shares`), and whether it takes part in their replies (`uses`)."""

    user_id: str
    shares: bool = False
    uses: bool = True
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Document:
    """A text that the organisation's adapter learns. `is_read`: its questions were written.

    Of those, `num_questions` passed the check and `num_rejected` did not.
    """

    id: str
    name: str
    text: str
    added_at: float
    added_by: str
    is_read: bool = False
    num_questions: int = 0
    num_rejected: int = 0


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """A question about a document, its checked answer, and what the base says without it."""

    question: str
    answer: str
    base_reply: str


@dataclass(frozen=True, slots=True)
class StorageUse:
    """How much is stored of one user: interactions and feedback, their texts in bytes, and how many
    items of feedback wait for their completion."""

    items: int = 0
    bytes: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """The most that may be stored of one user, as in `StorageUse`."""

    items: int = 1_000_000
    bytes: int = 4 << 30
    pending: int = 200
