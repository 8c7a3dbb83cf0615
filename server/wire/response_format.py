"""`response_format`: the form of the reply, and the bounds of its schema."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from server.wire.base import WireModel

MAX_BYTES = 64 << 10
MAX_DEPTH = 32
# References make a schema deeper than it is written, and schema compilers recurse.
MAX_EXPANDED_DEPTH = 512


def check_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema. Raises `ValueError` if it is too large or too deeply nested to compile."""
    if len(json.dumps(schema)) > MAX_BYTES:
        raise ValueError(f"the schema is larger than {MAX_BYTES} bytes")
    depth, references = _measure(schema)
    if depth > MAX_DEPTH:
        raise ValueError(f"the schema is nested more than {MAX_DEPTH} levels deep")
    if depth * (1 + references) > MAX_EXPANDED_DEPTH:
        raise ValueError("the schema has too many references for its depth")
    return schema


Schema = Annotated[dict[str, Any], AfterValidator(check_schema)]
SchemaName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class NamedSchema(WireModel):
    """A JSON schema in OpenAI's shape. Replies fit it, `strict` or not."""

    name: SchemaName
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
        """The schema that the reply must fit, or None for free text."""
        if self.type == "text":
            return None
        if self.json_schema is None or self.type == "json_object":
            return {"type": "object"}
        return self.json_schema.json_schema


def _measure(schema: Mapping[str, Any]) -> tuple[int, int]:
    """The number of levels and of distinct references, counted without recursion."""
    depth = 0
    references: set[str] = set()
    level: list[Any] = [schema]
    while level:
        depth += 1
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                if isinstance(target := value.get("$ref"), str):
                    references.add(target)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        level = [value for value in below if isinstance(value, Mapping | list)]
    return depth, len(references)
