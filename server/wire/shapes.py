"""What the OpenAPI document says of answers. `responses.py` and the routes make them.

Answers may have more fields than these: clients must ignore what they do not know.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from feedback.records import FeedbackStatus
from feedback.rules.user_rules import RuleStatus
from scheduler.evaluation.suite.records import SuiteStatus
from scheduler.records import RunStatus
from server.accounts.accounts import AccountKind

T = TypeVar("T")
Object = dict[str, Any]


class Shape(BaseModel):
    """A JSON object of an answer."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class ListOf(Shape, Generic[T]):
    """A list without pages."""

    object: Literal["list"]
    data: list[T]


class Page(ListOf[T]):
    """One page of a list; it goes on after `last_id`."""

    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(Shape):
    """What was deleted."""

    object: Literal[
        "chat.completion.deleted", "chat.deleted", "feedback.deleted", "rule.decision.deleted"
    ]
    id: str
    deleted: Literal[True]


class DeletedVersion(Shape):
    """The version that was deleted."""

    object: Literal["adapter.version.deleted"]
    label: str
    deleted: Literal[True]


class ErasedUser(Shape):
    """Whose data was erased, and how many records."""

    object: Literal["user.erased"]
    id: str
    erased: int


class Health(Shape):
    """The process answers."""

    status: Literal["ok"]


class Ready(Shape):
    """Chat is answered, by this model."""

    status: Literal["ready"]
    model: str


class Model(Shape):
    """The base model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    context_length: int
    sampling: Object


class Function(Shape):
    """A called function; its arguments are a JSON object as text."""

    name: str
    arguments: str


class CallItem(Shape):
    """A call of a tool."""

    id: str
    type: Literal["function"]
    function: Function


class ReplyMessage(Shape):
    """A reply; its content is null if there are only calls."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    reasoning_content: str = ""
    tool_calls: list[CallItem] = []


class Choice(Shape):
    """One reply of a completion."""

    index: int
    message: ReplyMessage
    logprobs: Object | None
    finish_reason: str


class Usage(Shape):
    """Tokens that were read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    completion_tokens_details: Object = {}


class Completion(Shape):
    """An answer to a conversation."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    loralei: Object


class StoredCompletion(Completion):
    """A completion as it is stored."""

    metadata: dict[str, str]


class StoredMessage(Shape):
    """A message that a stored completion answered."""

    id: str
    role: str
    content: str | None
    tool_calls: list[CallItem] = []


class FeedbackItem(Shape):
    """What a user said of a reply."""

    id: str
    object: Literal["feedback"]
    target: str
    created_at: float
    updated_at: float
    value: Literal[1, -1] | None
    correction: str | None
    preferred_over: str | None
    comment: str | None
    reason: str | None
    metadata: dict[str, str]
    status: FeedbackStatus


class RuleItem(Shape):
    """A rule of a user, and how often it was shown."""

    id: str
    object: Literal["rule"]
    sentence: str
    attribute: str
    value: str
    status: RuleStatus
    support: int
    against: int
    feedback_ids: list[str]
    decided_at: float | None


class Run(Shape):
    """A training: its progress and its outcome."""

    id: str
    object: Literal["training.run"]
    user: str
    status: RunStatus
    trigger: str
    requested_by: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    progress: Object
    reason: str
    version: str | None
    dataset_hash: str | None
    report: Object
    usage: Object


class SuiteRunItem(Shape):
    """A run of the evaluation suite."""

    id: str
    object: Literal["suite.run"]
    user: str
    version: str
    base_revision: str
    status: SuiteStatus
    trigger: str
    requested_by: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    progress: Object
    reason: str
    measures: list[Object]


class Version(Shape):
    """A version of a user's adapter."""

    object: Literal["adapter.version"]
    label: str
    number: int
    parent: str | None
    created_at: float
    created_by: str
    run_id: str | None
    examples: int
    example_ids: list[str]
    dataset_hash: str | None
    size_bytes: int
    checksum: str
    seed: int | None
    lora: Object
    base_model: str
    base_revision: str
    report: Object
    active: bool
    withdrawn_at: float | None
    suite: SuiteRunItem | None


class ImportedVersion(Version):
    """An imported version, with warnings if it names another base."""

    warnings: list[str] = []


class PromotionItem(Shape):
    """A change of the version in use."""

    object: Literal["adapter.promotion"]
    user: str
    from_version: str = Field(alias="from")
    to: str
    by: str
    at: float
    reason: str


class AdapterSummary(Shape):
    """One user's versions in short."""

    user: str
    name: str
    active: str
    versions: int
    size_bytes: int
    frozen: bool
    learned: int
    new_feedback: int
    usage: Object
    last_run: Run | None


class Adapter(Shape):
    """One user's versions and promotions, newest first."""

    user: str
    name: str
    active: str
    frozen: bool
    versions: list[Version]
    promotions: list[PromotionItem]
    new_feedback: int
    due: Object
    usage: Object


class Frozen(Shape):
    """Whether a user's adapter is trained."""

    user: str
    name: str
    frozen: bool


class AccountItem(Shape):
    """An account."""

    id: str
    name: str
    kind: AccountKind
    frontend: str | None
    created_at: float
    last_seen_at: float | None


class NewAccount(AccountItem):
    """An account with its new key, which is shown only now."""

    key: str


class UserItem(AccountItem):
    """An account with its counts and its device time.

    If a frontend made requests that named no user, `anonymous` says how many since the server's
    start, and what to do.
    """

    anonymous: Object | None
    adapter: str
    frozen: bool
    counts: Object
    usage: Object


class ImportedFeedback(Shape):
    """How many rows were imported."""

    object: Literal["feedback.imported"]
    user: str
    rows: int


class Curation(Shape):
    """Which examples the filters accept, and why not the others."""

    object: Literal["curation"]
    user: str
    accepted: int
    rejected: dict[str, int]
    examples: list[Object]
    unused: list[Object]
    coverage: Object


class ChatItem(Shape):
    """A chat in the list."""

    id: str
    object: Literal["chat"]
    title: str
    created_at: float
    updated_at: float
    replies: int


class ChatTurns(ChatItem):
    """A chat with its newest turns, oldest first. Each names the turn whose reply it continues."""

    turns: list[Object]
    has_more: bool


class Me(Shape):
    """The user's own version in use, what it learned, and the newest training."""

    user: Object
    adapter: str
    learned: Object
    memory: Object
    counts: Object
    training: Run | None
    next_training: Object
    versions: list[Object]
    changed_at: float | None
    frozen: bool
    withdrawn: str | None
    is_admin: bool


class Backup(Shape):
    """What was copied."""

    object: Literal["backup"]
    folder: str
    versions: int
    size_bytes: int
    damaged: list[str]
