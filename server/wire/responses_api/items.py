"""Items of a response's input: messages, calls and their outputs, reasoning, references."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from server.wire.base import WireModel
from server.wire.requests import MAX_MESSAGES, ClientId, Content
from server.wire.tools import Arguments, CallId, ToolName


class MessageItem(WireModel):
    """A message."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class CallItem(WireModel):
    """A call that the assistant made."""

    type: Literal["function_call"]
    call_id: CallId
    name: ToolName
    arguments: Arguments = "{}"


class CallOutputItem(WireModel):
    """What a called function answered."""

    type: Literal["function_call_output"]
    call_id: CallId
    output: Content


class ReasoningText(WireModel):
    """A part of reasoning."""

    text: str = ""


ReasoningTexts = Annotated[list[ReasoningText], Field(max_length=MAX_MESSAGES)]


class ReasoningItem(WireModel):
    """Reasoning before a reply or a call."""

    type: Literal["reasoning"]
    content: ReasoningTexts | None = None
    summary: ReasoningTexts | None = None

    @property
    def text(self) -> str:
        """The reasoning, or what sums it up."""
        return "\n".join(part.text for part in self.content or self.summary or ())


class ItemReference(WireModel):
    """An item of an earlier response, by its id."""

    type: Literal["item_reference"]
    id: ClientId


_KINDS = ("message", "function_call", "function_call_output", "reasoning", "item_reference")


def _kind(value: Any) -> str | None:
    """The tag of an item's class; without a type it is a message."""
    kind = value.get("type", "message") if isinstance(value, dict) else None
    return f"<{kind}>" if isinstance(kind, str) and kind in _KINDS else None


InputItem = Annotated[
    Annotated[MessageItem, Tag("<message>")]
    | Annotated[CallItem, Tag("<function_call>")]
    | Annotated[CallOutputItem, Tag("<function_call_output>")]
    | Annotated[ReasoningItem, Tag("<reasoning>")]
    | Annotated[ItemReference, Tag("<item_reference>")],
    Discriminator(
        _kind,
        custom_error_type="unsupported_item",
        custom_error_message=f"only these items are supported: {', '.join(_KINDS)}",
    ),
]
