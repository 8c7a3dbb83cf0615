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
        "chat.completion.deleted", "response", "feedback.deleted", "rule.decision.deleted"
    ]
    id: str
    deleted: Literal[True]


class CancelledReply(Shape):
    """The reply that was stopped."""

    object: Literal["chat.completion.cancelled"]
    id: str
    cancelled: Literal[True]


class DeletedExchanges(Shape):
    """How many exchanges were deleted."""

    object: Literal["chat.exchanges.deleted"]
    deleted: int


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


class ApiIndex(Shape):
    """The routes that need no admin's key, and where all are described."""

    object: Literal["api"]
    description: str
    routes: list[str]


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


class TextChoice(Shape):
    """One text of a text completion."""

    index: int
    text: str
    logprobs: None
    finish_reason: str


class TextCompletion(Shape):
    """An answer to a text."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage
    loralei: Object


class OutputItem(Shape):
    """Reasoning, a text or a call of a response."""

    id: str
    type: Literal["reasoning", "message", "function_call"]
    status: Literal["completed", "incomplete"]
    role: Literal["assistant"] = "assistant"
    summary: list[Object] = []
    content: list[Object] = []
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class InputItem(Shape):
    """A message, a call or its output that a response answered."""

    id: str
    type: Literal["message", "function_call", "function_call_output"]
    status: Literal["completed"]
    role: str = "user"
    content: list[Object] = []
    call_id: str | None = None
    name: str = ""
    arguments: str = ""
    output: str = ""


class ResponseUsage(Shape):
    """Tokens that a response read and wrote."""

    input_tokens: int
    input_tokens_details: Object
    output_tokens: int
    output_tokens_details: Object
    total_tokens: int


class ResponseObject(Shape):
    """A response: the same reply as a completion's, as a list of items."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed", "cancelled"]
    background: Literal[False]
    error: Object | None
    incomplete_details: Object | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[OutputItem]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: Object
    safety_identifier: str | None
    store: bool
    temperature: float | None
    text: Object
    tool_choice: str | Object
    tools: list[Object]
    top_logprobs: int
    top_p: float | None
    truncation: Literal["disabled"]
    usage: ResponseUsage | None
    user: str | None
    loralei: Object


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


class Project(Shape):
    """What a key belongs to, in Langfuse's words."""

    id: str
    name: str


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


class ListedRun(Run):
    """A training, with the name of its user."""

    user_name: str


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


class Taught(Shape):
    """What a version was taught.

    `examples` are those that feedback made and that are still there, as the filters see them now;
    `other_examples` counts the others. `lineage` begins with the version and ends with its oldest
    known ancestor.
    """

    object: Literal["adapter.version.taught"]
    label: str
    examples: list[Object]
    other_examples: int
    rules: list[Object]
    lineage: list[Object]
    samples: list[Object]


class Compared(Shape):
    """Replies to one prompt side by side, which were not stored."""

    object: Literal["adapter.comparison"]
    prompt: str
    replies: list[Object]


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


class AdapterList(ListOf[AdapterSummary]):
    """Users' versions in short, whether more users follow, and how many match in all."""

    has_more: bool
    total: int


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
    """An account. `identity` is what a frontend names its users by."""

    id: str
    name: str
    display_name: str | None
    kind: AccountKind
    frontend: str | None
    identity: Literal["settings", "jwt", "headers", "body"] | None
    created_at: float
    last_seen_at: float | None


class NewAccount(AccountItem):
    """An account with its new key, which is shown only now."""

    key: str


class UserItem(AccountItem):
    """An account with its adapter and newest training in short, its counts and its device time.

    If a frontend made requests that named no user, `anonymous` says how many since the server's
    start, and what to do.
    """

    anonymous: Object | None
    adapter: str
    frozen: bool
    learned: int
    size_bytes: int
    new_feedback: int
    last_run: Object | None
    counts: Object
    usage: Object


class UserPage(Page[UserItem]):
    """One page of accounts, and how many match in all."""

    total: int


class Overview(Shape):
    """What all users have together.

    `anonymous` are the frontends whose requests named nobody since the start, each with its
    `requests` and a `remedy`.
    """

    object: Literal["overview"]
    users: int
    with_adapter: int
    new_feedback: int
    open_runs: int
    size_bytes: int
    anonymous: list[Object]


class AuditEntry(Shape):
    """What somebody did. `by` is null if that is not stored, or if who made a key was erased.

    Promotions and rollbacks have `from` and `to`. An erased user has a `user_hash` alone.
    """

    id: str
    object: Literal["audit.entry"]
    at: float
    action: str
    by: str | None
    user: str | None
    user_name: str | None
    user_hash: str | None
    from_version: str | None = Field(alias="from")
    to: str | None
    reason: str


class Activity(Shape):
    """The feedback by day, and the `tokens` of one user's stored turns."""

    object: Literal["activity"]
    since: float
    days: list[Object]
    tokens: Object | None


class ImportedFeedback(Shape):
    """How many rows were imported."""

    object: Literal["feedback.imported"]
    user: str
    rows: int


class ImportedRatings(Shape):
    """How many records were imported, of how many users, and why which ratings were not."""

    object: Literal["ratings.imported"]
    frontend: str
    rows: int
    users: int
    skipped: list[Object]


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


class OrganisationChoiceItem(Shape):
    """What a user wants of the organisation's adapter, and which version of it answers them."""

    is_on: bool
    shares: bool
    uses: bool
    version: str | None


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
    organisation: OrganisationChoiceItem
    is_admin: bool


class DocumentItem(Shape):
    """A document of the organisation. `is_read`: its `questions` were written and checked."""

    object: Literal["organisation.document"]
    id: str
    name: str
    characters: int
    added_at: float
    added_by: str
    is_read: bool
    questions: int
    rejected: int


class WholeDocument(DocumentItem):
    """A document with its text, and the questions that are taught."""

    text: str
    pairs: list[Object]


class DeletedDocument(Shape):
    """A document that is gone."""

    object: Literal["organisation.document.deleted"]
    id: str
    deleted: bool


class Organisation(Shape):
    """The organisation's adapter: its owner, its version in use, and how many users share."""

    object: Literal["organisation"]
    is_on: bool
    user: str
    version: str | None
    members: int
    documents: list[DocumentItem]


class UserMove(Shape):
    """Where a user's move between two cells is; `here` if the user is here to stay.

    `requests` of the user are going on. `map` are the lines of the proxy's map that lead to this
    cell, if the hash leads elsewhere.
    """

    object: Literal["user.move"]
    user: str
    name: str
    state: Literal["here", "leaving", "moved", "arriving"]
    requests: int
    digest: str | None
    map: list[str]


class CellMap(Shape):
    """This cell, every cell's share in percent, and the lines of the proxy's map for its users."""

    object: Literal["cell"]
    cell: str
    cells: dict[str, float]
    map: list[str]


class Backup(Shape):
    """What was copied."""

    object: Literal["backup"]
    folder: str
    versions: int
    size_bytes: int
    damaged: list[str]
