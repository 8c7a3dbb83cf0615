"""`response_format`: in which form a client wants the reply."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from server.api.json_schema import check_schema
from server.api.wire_model import WireModel


def _check(schema: dict[str, Any]) -> dict[str, Any]:
    check_schema(schema)
    return schema


Schema = Annotated[dict[str, Any], AfterValidator(_check)]


class NamedSchema(WireModel):
    """A JSON schema as OpenAI's API carries it. Replies fit it, whether it is `strict` or not."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    json_schema: Annotated[Schema, Field(alias="schema")] = {"type": "object"}


class ResponseFormat(WireModel):
    """Free text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("response_format of type json_schema needs a json_schema")
        return self

    @property
    def schema_of_reply(self) -> dict[str, Any] | None:
        """What the reply must fit, None where it is free text."""
        if self.type == "text":
            return None
        if self.json_schema is None or self.type == "json_object":
            return {"type": "object"}
        return self.json_schema.json_schema
