"""`tool_choice`: which functions may be called, and whether one must be.

Chat completions nest what the Responses API has flat. Both shapes are read by both.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

MAX_TOOLS = 128


@dataclass(frozen=True, slots=True)
class NamedFunction:
    """The one function that must be called."""

    name: str


@dataclass(frozen=True, slots=True)
class AllowedFunctions:
    """The only functions that may be called; one of them must be if it `is_required`."""

    names: tuple[str, ...]
    is_required: bool


def choice_json(choice: Any) -> Any:
    """A choice as responses have it."""
    match choice:
        case NamedFunction(name):
            return {"type": "function", "name": name}
        case AllowedFunctions(names, is_required):
            mode = "required" if is_required else "auto"
            tools = [{"type": "function", "name": name} for name in names]
            return {"type": "allowed_tools", "mode": mode, "tools": tools}
    return choice


def _read(value: Any) -> Any:
    if (name := _name(value)) is not None:
        return NamedFunction(name)
    match _flat(value):
        case None | "none" | "auto" | "required":
            return value
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(tools)}:
            return AllowedFunctions(_names(tools), mode == "required")
    raise ValueError(
        'tool_choice must be "none", "auto", "required", name a function, or list allowed_tools'
    )


def _names(tools: list[Any]) -> tuple[str, ...]:
    names = tuple(name for each in tools if (name := _name(each)) is not None)
    if not 0 < len(names) == len(tools) <= MAX_TOOLS:
        raise ValueError(f"allowed_tools must name 1 to {MAX_TOOLS} functions")
    return names


def _name(value: Any) -> str | None:
    match _flat(value):
        case {"type": "function", "name": str(name)}:
            return name
    return None


def _flat(value: Any) -> Any:
    """`{"type": "function", "function": {"name": …}}` as `{"type": "function", "name": …}`."""
    match value:
        case {"type": str(kind)} if isinstance(value.get(kind), dict):
            return {**value[kind], "type": kind}
    return value


def _both(kind: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The JSON schemas of a choice, flat and nested."""
    required, kinds = list(fields), {"type": {"const": kind}}
    inner = {"type": "object", "properties": fields, "required": required}
    return [
        {"type": "object", "properties": {**kinds, **fields}, "required": ["type", *required]},
        {"type": "object", "properties": {**kinds, kind: inner}, "required": ["type", kind]},
    ]


_FUNCTION = _both("function", {"name": {"type": "string"}})
_TOOLS = {"type": "array", "items": {"anyOf": _FUNCTION}, "minItems": 1, "maxItems": MAX_TOOLS}
_ALLOWED = _both("allowed_tools", {"mode": {"enum": ["auto", "required"]}, "tools": _TOOLS})

ToolChoice = Annotated[
    Any,
    AfterValidator(_read),
    WithJsonSchema(
        {"anyOf": [{"enum": ["none", "auto", "required", None]}, *_FUNCTION, *_ALLOWED]}
    ),
]
