"""The body of `POST /v1/responses`. Fields that are not known are ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from server.wire.base import WireModel
from server.wire.requests import (
    MAX_MESSAGES,
    AnsweredRequest,
    ClientId,
    Effort,
    ReplyLength,
    TopLogprobs,
)
from server.wire.response_format import NamedSchema, ResponseFormat, Schema, SchemaName
from server.wire.responses_api.items import InputItem
from server.wire.tool_choice import MAX_TOOLS, ToolChoice
from server.wire.tools import FunctionDefinition, ToolName

LOGPROBS = "message.output_text.logprobs"
MAX_INCLUDED = 32


def _as_items(value: Any) -> Any:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


def _only_functions(value: Any) -> Any:
    if value != "function":
        raise ValueError(f"only function tools are supported, not {str(value)[:40]!r}")
    return value


def _refused(message: str) -> BeforeValidator:
    """Refuse a field with this message, unless it is off."""

    def check(value: Any) -> None:
        if value is not None and value is not False:
            raise ValueError(message)

    return BeforeValidator(check, json_schema_input_type=Literal[False] | None)


class FunctionTool(WireModel):
    """A function that the model may call."""

    type: Annotated[
        Literal["function"],
        BeforeValidator(_only_functions, json_schema_input_type=Literal["function"]),
    ]
    name: ToolName
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None

    @property
    def definition(self) -> FunctionDefinition:
        """The function as chat requests have it."""
        return FunctionDefinition.model_construct(
            name=self.name, description=self.description, parameters=self.parameters
        )


class TextFormat(WireModel):
    """Free text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: SchemaName | None = None
    json_schema: Annotated[Schema | None, Field(alias="schema")] = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if self.type == "json_schema" and (self.name is None or self.json_schema is None):
            raise ValueError("text.format of type json_schema needs a name and a schema")
        return self

    @property
    def response_format(self) -> ResponseFormat:
        """The format as chat requests have it."""
        named = None
        if self.type == "json_schema":
            named = NamedSchema.model_construct(name=self.name, json_schema=self.json_schema)
        return ResponseFormat.model_construct(type=self.type, json_schema=named)


class TextOptions(WireModel):
    """The form of the reply's text."""

    format: TextFormat | None = None


class ReasoningOptions(WireModel):
    """How much the model thinks."""

    effort: Effort | None = None


class ResponsesRequest(AnsweredRequest):
    """The body of `POST /v1/responses`."""

    input: Annotated[
        list[InputItem],
        BeforeValidator(_as_items, json_schema_input_type=str | list[InputItem]),
        Field(min_length=1, max_length=MAX_MESSAGES),
    ]
    instructions: str | None = None
    previous_response_id: ClientId | None = None
    max_output_tokens: ReplyLength | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice = None
    parallel_tool_calls: bool | None = None
    include: Annotated[list[str], Field(max_length=MAX_INCLUDED)] | None = None
    top_logprobs: TopLogprobs | None = None
    background: Annotated[
        None, _refused("a response cannot be made in the background: leave background out")
    ] = None
    conversation: Annotated[
        None, _refused("conversations are not stored: send previous_response_id or all items")
    ] = None
    prompt: Annotated[None, _refused("prompts are not stored: send instructions and input")] = None

    @property
    def wants_logprobs(self) -> bool:
        """Whether the log-probabilities of the reply's tokens are wanted."""
        return bool(self.top_logprobs) or LOGPROBS in (self.include or ())
