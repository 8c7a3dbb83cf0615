"""Completions of a text, for clients of the time before chats: requests and objects. Pure."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from server.wire.requests import (
    MAX_CHOICES,
    ChatRequest,
    CompletionRequest,
    WireMessage,
)
from server.wire.responses import Json


def _one_text(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) != 1 or not isinstance(value[0], str):
        raise ValueError("prompt must be one text: send each prompt by itself, and no tokens")
    return value[0]


def _no_suffix(value: Any) -> None:
    if value not in (None, ""):
        raise ValueError("the model cannot write what comes before a suffix: leave suffix out")


def _no_echo(value: Any) -> None:
    if value not in (None, False):
        raise ValueError("the prompt is not echoed: leave echo out")


def _no_logprobs(value: Any) -> None:
    if value is not None:
        raise ValueError("log-probabilities are in POST /v1/chat/completions alone")


class TextRequest(CompletionRequest):
    """The body of `POST /v1/completions`."""

    prompt: Annotated[str, BeforeValidator(_one_text, json_schema_input_type=str | list[str])]
    suffix: Annotated[None, BeforeValidator(_no_suffix, json_schema_input_type=None)] = None
    echo: Annotated[
        None, BeforeValidator(_no_echo, json_schema_input_type=Literal[False] | None)
    ] = None
    logprobs: Annotated[None, BeforeValidator(_no_logprobs, json_schema_input_type=None)] = None
    best_of: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None

    @field_validator("best_of")
    @classmethod
    def _returns_all_it_writes(cls, value: int | None, info: ValidationInfo) -> int | None:
        if (value or 1) > (info.data.get("n") or 1):
            raise ValueError("best_of must not be larger than n: every reply is returned")
        return value

    def chat_request(self) -> ChatRequest:
        """The chat request with the prompt as the only message."""
        # Every value was checked here.
        return ChatRequest.model_construct(
            **{name: getattr(self, name) for name in CompletionRequest.model_fields},
            messages=[WireMessage(role="user", content=self.prompt)],
        )


def text_json(completion_id: str, created: int, model: str, choices: list[Json]) -> Json:
    """A completion, or a chunk of one. It has the id of the stored chat completion."""
    return {
        "id": completion_id,
        "object": "text_completion",
        "created": created,
        "model": model,
        "choices": choices,
    }


def text_choice_json(index: int, text: str, finish_reason: str | None) -> Json:
    """One text, or the new part of one."""
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
