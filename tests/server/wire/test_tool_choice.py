"""Which functions may be called: every shape in which clients say so."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from server.wire.tool_choice import (
    MAX_TOOLS,
    AllowedFunctions,
    NamedFunction,
    ToolChoice,
    choice_json,
)

CHOICE: TypeAdapter[Any] = TypeAdapter(ToolChoice)
FLAT = {"type": "function", "name": "now"}
ALLOWED = {"type": "allowed_tools", "mode": "auto", "tools": [FLAT]}
NESTED = {"type": "function", "function": {"name": "now"}}


@pytest.mark.parametrize("function", [FLAT, NESTED])
def test_a_function_is_named_flat_or_nested(function: dict[str, Any]) -> None:
    assert CHOICE.validate_python(function) == NamedFunction("now")


@pytest.mark.parametrize("function", [FLAT, NESTED])
@pytest.mark.parametrize("is_nested", [False, True])
def test_allowed_tools_are_listed_flat_or_nested(function: dict[str, Any], is_nested: bool) -> None:
    listed = {"mode": "required", "tools": [function]}
    sent = {"allowed_tools": listed} if is_nested else listed
    found = CHOICE.validate_python({"type": "allowed_tools", **sent})
    assert found == AllowedFunctions(("now",), is_required=True)


@pytest.mark.parametrize(
    "choice",
    [
        None,
        "none",
        "auto",
        "required",
        FLAT,
        {"type": "allowed_tools", "mode": "auto", "tools": [FLAT]},
    ],
)
def test_a_response_repeats_what_was_chosen(choice: Any) -> None:
    assert choice_json(CHOICE.validate_python(choice)) == choice


@pytest.mark.parametrize(
    "choice",
    [
        "some",
        {"type": "function"},
        {"type": ["function"], "name": "now"},
        {"type": "allowed_tools", "mode": "none", "tools": [FLAT]},
        {"type": "allowed_tools", "mode": "auto", "tools": []},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
        {"type": "allowed_tools", "mode": "auto", "tools": [FLAT] * (MAX_TOOLS + 1)},
    ],
)
def test_anything_else_is_refused(choice: Any) -> None:
    with pytest.raises(ValidationError):
        CHOICE.validate_python(choice)
