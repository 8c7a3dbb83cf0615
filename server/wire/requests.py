"""Request bodies: OpenAI's and our extensions, every known field bounded.

Unknown fields are ignored. Values are strict: `"temperature": "hot"` is an error.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from fastapi import Path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from adapters_store.reasoning import NO_THINKING, TemplateOption, split_reasoning
from adapters_store.records import BASE
from feedback.records import Message
from feedback.store.chats import MAX_TITLE
from feedback.store.documents import MAX_CHARACTERS
from server.accounts.accounts import MAX_NAME_LENGTH
from server.accounts.identity import MIN_SECRET_LENGTH, BodyIdentity, IdentityRules
from server.wire.base import WireModel
from server.wire.reply_ids import completion_id
from server.wire.response_format import ResponseFormat
from server.wire.tool_choice import MAX_TOOLS, ToolChoice
from server.wire.tools import (
    MAX_CALLS,
    CallId,
    Tool,
    WireToolCall,
    answering_message,
    calling_message,
)

MAX_MESSAGES = 1000
MAX_CHOICES = 8
MAX_REPLY_TOKENS = 1_000_000
MAX_SEED = 2**63 - 1024
"""The largest double below 2**63: who reads the bound as a double means the same number."""
MAX_BIASES = 1024
MAX_TOP_LOGPROBS = 20
MAX_ID_LENGTH = 128
MAX_LABEL_LENGTH = 256
MAX_CHAT_MESSAGES = 20_000
MAX_COMMENT_LENGTH = 4000
MAX_TAG_LENGTH = 512
MAX_PROMPT_LENGTH = 4000
"""Of a prompt that an admin compares versions with."""
MAX_CORRECTION_LENGTH = 200_000
MAX_TEMPLATE_OPTIONS = 16
MAX_METADATA, MAX_KEY, MAX_VALUE = 16, 64, 512
MAX_BIAS = 100
_ROLES = {"developer": "system", "function": "tool"}


class TextPart(WireModel):
    """One part of a message; only text is supported."""

    type: Literal["text", "input_text", "output_text"]
    text: str


class RefusalPart(WireModel):
    """A part of an assistant's message that refuses; it is read as text."""

    type: Literal["refusal"]
    refusal: str


def _join_parts(content: Any) -> Any:
    """Join OpenAI's list of parts to one text; null is the empty text of a tool call."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "refusal", "input_text", "output_text"):
            raise ValueError(f"only text parts are supported, not {str(kind)[:40]!r}")
        text = part.get("refusal" if kind == "refusal" else "text")
        if not isinstance(text, str):
            raise ValueError("a text part must have a text")
        texts.append(text)
    return "\n".join(texts)


def _only_text(value: Any) -> Any:
    """Ignore other forms, because no client depends on what becomes of them."""
    return value if isinstance(value, str) else None


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _check_metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > MAX_METADATA:
        raise ValueError(f"metadata has at most {MAX_METADATA} pairs")
    if any(len(key) > MAX_KEY or len(text) > MAX_VALUE for key, text in value.items()):
        raise ValueError(
            f"metadata keys have at most {MAX_KEY} characters, values at most {MAX_VALUE}"
        )
    return value


Reasoning = Annotated[str | None, BeforeValidator(_only_text)]
Content = Annotated[
    str,
    BeforeValidator(_join_parts, json_schema_input_type=str | list[TextPart | RefusalPart] | None),
]
StopText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Stop = Annotated[
    list[StopText],
    BeforeValidator(_as_list, json_schema_input_type=StopText | list[StopText]),
    Field(max_length=4),
]
Metadata = Annotated[
    dict[str, str],
    AfterValidator(_check_metadata),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_METADATA,
            "propertyNames": {"maxLength": MAX_KEY},
            "additionalProperties": {"type": "string", "maxLength": MAX_VALUE},
        }
    ),
]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
ReplyId = Annotated[ClientId, AfterValidator(completion_id)]
"""A completion's id, a response's, or a frontend's own."""
AdapterName = Annotated[str, StringConstraints(pattern=rf"^({BASE}|v[1-9][0-9]{{0,8}})$")]
ReplyLength = Annotated[int, Field(ge=1, le=MAX_REPLY_TOKENS)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
TopLogprobs = Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)]


def _check_template_options(value: dict[str, Any]) -> dict[str, TemplateOption]:
    """Drop nulls. A text is plain words, so that nothing in it becomes a control token."""
    if len(value) > MAX_TEMPLATE_OPTIONS:
        raise ValueError(f"chat_template_kwargs has at most {MAX_TEMPLATE_OPTIONS} options")
    given = {name: option for name, option in value.items() if option is not None}
    for name, option in given.items():
        is_number = isinstance(option, int | float) and abs(option) <= 10**9
        is_text = isinstance(option, str) and re.fullmatch(r"[\w .,:/+-]{0,64}", option)
        if not re.fullmatch(r"[A-Za-z_]\w{0,63}", name):
            raise ValueError(
                "a name in chat_template_kwargs has at most 64 letters, digits and _, and does not"
                " begin with a digit"
            )
        if not (is_number or is_text):
            raise ValueError(
                "an option in chat_template_kwargs is true, false, a number, or a text of at most "
                "64 letters, digits, spaces and . , : / + -"
            )
    return given


def _check_user(value: Any) -> Any:
    if value is not None and not isinstance(value, str | dict):
        raise ValueError("user must be a string, or an object with an id")
    return value


UserField = Annotated[
    Any,
    AfterValidator(_check_user),
    Field(json_schema_extra={"type": ["string", "object", "null"]}),
]


class IdentifiedRequest(WireModel):
    """A body that may name the user it is about."""

    metadata: Metadata | None = None
    safety_identifier: Annotated[str, StringConstraints(max_length=64)] | None = None
    user: UserField = None

    @property
    def identity(self) -> BodyIdentity:
        """The fields that may name the user, unchecked."""
        return BodyIdentity(
            safety_identifier=self.safety_identifier,
            user=self.user,
            metadata_user_id=(self.metadata or {}).get("user_id"),
        )


class WireMessage(WireModel):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = ""
    reasoning_content: Reasoning = None
    name: Annotated[str, StringConstraints(max_length=MAX_ID_LENGTH)] | None = None
    tool_calls: Annotated[list[WireToolCall], Field(max_length=MAX_CALLS)] | None = None
    tool_call_id: CallId | None = None

    def message(self, *, thinks: bool = False) -> Message:
        """The message in the server's own form.

        If the base model `thinks`, a reply is without its reasoning.
        """
        role = _ROLES.get(self.role, self.role)
        reasoning, content = "", self.content
        if role == "assistant" and thinks:
            written, content = split_reasoning(content)
            reasoning = self.reasoning_content or written
        if role == "assistant" and self.tool_calls:
            return calling_message(content, self.tool_calls, reasoning)
        if role == "tool":
            return answering_message(content, self.name, self.tool_call_id)
        return Message(role, content)


class StreamOptions(WireModel):
    """What a stream carries besides text."""

    include_usage: bool | None = None


class ChatExtension(WireModel):
    """Loralei's own options: which adapter answers, whether the organisation's takes part, whether
    memory is used, and whether a streamed reply goes on without its reader."""

    adapter: AdapterName | None = None
    organisation: bool | None = None
    memory: bool | None = None
    resumable: bool | None = None


def _refuse_template(value: Any) -> None:
    if value is not None:
        raise ValueError("the base model's chat template cannot be replaced")


def _read_biases(value: Any) -> Any:
    """Read OpenAI's mapping from token ids, which are strings in JSON."""
    if not isinstance(value, dict):
        return value
    if not all(token.isdecimal() and len(token) < 10 for token in value):
        raise ValueError("logit_bias must map token ids to numbers")
    return {int(token): bias for token, bias in value.items()}


TemplateOptions = Annotated[
    dict[str, Any],
    AfterValidator(_check_template_options),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_TEMPLATE_OPTIONS,
            "additionalProperties": {
                "type": ["boolean", "number", "string", "null"],
                "maxLength": 64,
            },
        }
    ),
]
Effort = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,16}$")]
NoTemplate = Annotated[None, BeforeValidator(_refuse_template, json_schema_input_type=None)]
LogitBias = Annotated[
    dict[int, Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS)]],
    BeforeValidator(_read_biases),
    Field(max_length=MAX_BIASES),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_BIASES,
            "propertyNames": {"pattern": "^[0-9]{1,9}$"},
            "additionalProperties": {"type": "number", "minimum": -MAX_BIAS, "maximum": MAX_BIAS},
        }
    ),
]


class AnsweredRequest(IdentifiedRequest):
    """What every body that asks for a reply may have."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    store: bool | None = None
    loralei: ChatExtension | None = None


class CompletionRequest(AnsweredRequest):
    """What the bodies of both kinds of completions may have."""

    stream_options: StreamOptions | None = None
    max_tokens: ReplyLength | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=-MAX_SEED, le=MAX_SEED)] | None = None
    stop: Stop | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: LogitBias | None = None
    chat_template: NoTemplate = None
    ignore_eos: bool | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the number of tokens."""
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(CompletionRequest):
    """The body of `POST /v1/chat/completions`."""

    messages: Annotated[list[WireMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: ReplyLength | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice = None
    parallel_tool_calls: bool | None = None
    chat_template_kwargs: TemplateOptions | None = None
    reasoning_effort: Effort | None = None

    @property
    def template_options(self) -> Mapping[str, TemplateOption]:
        """What the chat template is told; it reads what it knows.

        Templates differ in the name of the option to think, so both names are set.
        """
        given = dict(self.chat_template_kwargs or {})
        effort = self.reasoning_effort
        if effort is not None:
            given.setdefault("reasoning_effort", effort)
        thinks = next((given[name] for name in NO_THINKING if name in given), None)
        if thinks is None and effort in ("none", "minimal"):
            thinks = False
        return given if thinks is None else given | dict.fromkeys(NO_THINKING, thinks)

    @field_validator("top_logprobs")
    @classmethod
    def _logprobs_are_asked_for(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and not info.data.get("logprobs"):
            raise ValueError("top_logprobs needs logprobs to be true")
        return value


class MetadataUpdate(WireModel):
    """The body of `POST /v1/chat/completions/{id}`: only the metadata may change."""

    metadata: Metadata


def _join_message(value: Any) -> Any:
    """Accept a correction that is a whole message."""
    return _join_parts(value.get("content")) if isinstance(value, dict) else value


def _rating(value: Any) -> Any:
    """Read a rating in any form that frontends send."""
    is_text = isinstance(value, str)
    if value is True or (is_text and value in ("up", "thumbs_up")):
        return 1
    if value is False or (is_text and value in ("down", "thumbs_down")):
        return -1
    if isinstance(value, int | float) and value in (1, -1):
        return int(value)
    raise ValueError('value must be "up", "down", true, false, 1 or -1')


Rating = Annotated[
    int,
    BeforeValidator(
        _rating,
        json_schema_input_type=bool | Literal["up", "down", "thumbs_up", "thumbs_down", 1, -1],
    ),
]


class CorrectedMessage(WireModel):
    """A correction as some frontends send it: a whole message."""

    content: Content


CorrectionText = Annotated[
    str, Field(max_length=MAX_CORRECTION_LENGTH, json_schema_extra={"pattern": r"\S"})
]
Correction = Annotated[
    str,
    BeforeValidator(_join_message, json_schema_input_type=CorrectionText | CorrectedMessage),
    StringConstraints(max_length=MAX_CORRECTION_LENGTH),
]


def _says_something(schema: dict[str, Any]) -> None:
    """Add to the schema of feedback that one of these fields must say something."""
    comment = {"type": "string", "pattern": r"\S"}
    said = {name: {"not": {"type": "null"}} for name in ("value", "correction", "preferred_over")}
    schema["anyOf"] = [
        {"required": [name], "properties": {name: each}}
        for name, each in {**said, "comment": comment}.items()
    ]


class FeedbackRequest(IdentifiedRequest):
    """The body of `POST /v1/feedback`: at least one of value, correction, preference, comment."""

    model_config = ConfigDict(json_schema_extra=_says_something)

    target: ReplyId
    id: ClientId | None = None
    value: Rating | None = None
    correction: Correction | None = None
    preferred_over: ReplyId | None = None
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT_LENGTH)] | None = None
    reason: Annotated[str, StringConstraints(max_length=MAX_TAG_LENGTH)] | None = None


class ChatMessages(WireModel):
    """The body of `PUT /v1/chats/{chat_id}/messages`: the ids of all messages that the chat has."""

    message_ids: Annotated[
        list[Annotated[str, StringConstraints(max_length=MAX_LABEL_LENGTH)]],
        Field(max_length=MAX_CHAT_MESSAGES),
    ]


class RuleRequest(WireModel):
    """The body of `PUT /v1/me/rules/{rule_id}`."""

    status: Literal["pinned", "dropped"]


class ChatUpdate(WireModel):
    """The body of `PATCH /v1/chats/{chat_id}`; null takes the title away."""

    title: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE)]
        | None
    )


class NewBackup(WireModel):
    """The body of `POST /v1/admin/backup`: the path of the folder to write."""

    folder: str = Field(min_length=1, max_length=4096)


class MoveDigest(WireModel):
    """The body of the last two steps of a move: the digest of the rows that are meant."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class IdentityRequest(WireModel):
    """How a frontend names its users; without a field, as the settings say."""

    jwt_secret: Annotated[str, Field(min_length=MIN_SECRET_LENGTH, max_length=512)] | None = None
    trust_headers: bool | None = None

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        if self.jwt_secret is not None and self.trust_headers:
            raise ValueError("with a jwt_secret only signed names count: leave trust_headers out")
        return self

    @property
    def rules(self) -> IdentityRules | None:
        """The frontend's own rules; None leaves it to the settings."""
        if self.jwt_secret is None and self.trust_headers is None:
            return None
        return IdentityRules(self.jwt_secret, bool(self.trust_headers))


class NewUser(IdentityRequest):
    """The body of `POST /v1/admin/users`."""

    # Checked with the others' names: both refusals have the same code.
    name: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": MAX_NAME_LENGTH})]
    kind: Literal["admin", "user", "frontend"] = "user"


def _as_label(value: Any) -> Any:
    return f"v{value}" if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[int, Field(ge=1, lt=10**9)]
AdapterChoice = Annotated[
    AdapterName, BeforeValidator(_as_label, json_schema_input_type=Number | AdapterName)
]


class PromoteRequest(WireModel):
    """The body of `POST …/promote`: the version, and the one that the caller expects in use."""

    version: AdapterChoice
    expected: AdapterChoice | None = None


class ComparedPrompt(WireModel):
    """The body of `POST …/compare`: what to ask."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT_LENGTH)]


class NewDocument(WireModel):
    """The body of `POST /v1/admin/organisation/documents`: plain text or Markdown."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LABEL_LENGTH)
    ]
    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_CHARACTERS)
    ]


class OrganisationRequest(WireModel):
    """The body of `PUT /v1/me/organisation`; what is absent or null stays."""

    shares: bool | None = None
    uses: bool | None = None


VersionNumber = Annotated[int, Path(ge=1, le=10**9)]
"""A version's number in a path."""


def version_number(name: str) -> int | None:
    """The number of a version by its label; None is the base."""
    return None if name == BASE else int(name[1:])
