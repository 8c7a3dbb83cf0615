"""The limits of the OpenAPI document are those that requests are checked by."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from server.wire.requests import ChatRequest, MetadataUpdate, NewUser, PromoteRequest


def documented(model: type[BaseModel], name: str) -> dict[str, Any]:
    """What the document says of a field that is given."""
    schema: dict[str, Any] = model.model_json_schema()["properties"][name]
    forms: list[dict[str, Any]] = schema.get("anyOf", [schema])
    return forms[0]


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [
        ({str(i): "" for i in range(16)}, True),
        ({str(i): "" for i in range(17)}, False),
        ({"k" * 64: "v" * 512}, True),
        ({"k" * 65: "v"}, False),
        ({"k": "v" * 513}, False),
    ],
)
def test_metadata_has_its_documented_limits(value: dict[str, str], is_valid: bool) -> None:
    schema = documented(MetadataUpdate, "metadata")
    fits = (
        len(value) <= schema["maxProperties"]
        and all(len(key) <= schema["propertyNames"]["maxLength"] for key in value)
        and all(len(v) <= schema["additionalProperties"]["maxLength"] for v in value.values())
    )
    assert fits is is_valid
    try:
        MetadataUpdate(metadata=value)
    except ValidationError:
        assert not is_valid
    else:
        assert is_valid


@pytest.mark.parametrize(
    ("model", "name", "keyword"),
    [
        (ChatRequest, "metadata", "maxProperties"),
        (ChatRequest, "logit_bias", "maxProperties"),
        (ChatRequest, "chat_template_kwargs", "maxProperties"),
        (NewUser, "name", "maxLength"),
    ],
)
def test_a_limit_is_documented(model: type[BaseModel], name: str, keyword: str) -> None:
    assert keyword in documented(model, name)


def test_a_version_is_documented_with_its_pattern() -> None:
    schema = PromoteRequest.model_json_schema()["properties"]["version"]
    assert any("pattern" in each for each in schema["anyOf"])
