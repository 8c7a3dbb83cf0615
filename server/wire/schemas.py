"""JSON schemas as grammars take them: without keywords that say nothing, and branches. Pure.

Replies to a changed schema fit the schema as it was sent, too.
"""

from collections.abc import Callable, Mapping
from typing import Any

Schema = dict[str, Any]

_SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_SCHEMAS = (
    "items",
    "additionalProperties",
    "additionalItems",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
)
# Values of these are data, in which null is a value like any other.
_DATA = ("const", "enum", "default", "example", "examples")
# The keywords that grammars lack, by the only type that they say anything about.
_ABOUT_TYPE = {
    "propertyNames": "object",
    "dependentRequired": "object",
    "dependentSchemas": "object",
    "dependencies": "object",
    "unevaluatedProperties": "object",
    "uniqueItems": "array",
    "contains": "array",
    "minContains": "array",
    "maxContains": "array",
    "unevaluatedItems": "array",
    "format": "string",
}
# The standard calls `format` an annotation; of these, grammars make a rule.
_FORMATS = (
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
)
_MAX_BRANCHES_TRIED = 64


def simplified(schema: Mapping[str, Any]) -> Schema:
    """The same schema without what says nothing about a reply, such as unknown formats."""
    kept = {key: value for key, value in schema.items() if value is not None or key in _DATA}
    simple = _with_subschemas(kept, simplified)
    return {key: value for key, value in simple.items() if _says_something(key, value, simple)}


def without_refused_branches(
    schema: Mapping[str, Any], is_followed: Callable[[Schema], bool]
) -> Schema:
    """The schema without the branches of every `anyOf` that a grammar cannot follow by themselves.

    If it can follow none of them, or there are very many, all stay.
    """
    tried = 0

    def pruned(each: Mapping[str, Any]) -> Schema:
        nonlocal tried
        simple = _with_subschemas(each, pruned)
        branches = simple.get("anyOf")
        if isinstance(branches, list):
            tried += len(branches)
            if tried <= _MAX_BRANCHES_TRIED:
                kept = [b for b in branches if not _is_schema(b) or is_followed(_alone(b))]
                simple["anyOf"] = kept or branches
        return simple

    return pruned(schema)


def _with_subschemas(
    schema: Mapping[str, Any], change: Callable[[Mapping[str, Any]], Schema]
) -> Schema:
    """A copy with every schema directly below changed."""
    changed = dict(schema)
    for key, value in schema.items():
        if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            changed[key] = {n: change(v) if _is_schema(v) else v for n, v in value.items()}
        elif key in _LISTS_OF_SCHEMAS and isinstance(value, list):
            changed[key] = [change(v) if _is_schema(v) else v for v in value]
        elif key in _SCHEMAS and _is_schema(value):
            changed[key] = change(value)
    return changed


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping)


def _says_something(key: str, value: Any, schema: Mapping[str, Any]) -> bool:
    about = _ABOUT_TYPE.get(key)
    if about is not None and "type" in schema and about not in _types(schema):
        return False
    match key:
        case "propertyNames":
            return not _takes_any_string(value)
        case "format":
            return value in _FORMATS
        case "dependentRequired" | "dependentSchemas" | "dependencies":
            return bool(value)
        case "unevaluatedProperties" | "unevaluatedItems":
            return value is not True and value != {}
        case "uniqueItems" | "not":
            return value is not False
        case "contains":
            return schema.get("minContains") != 0 or "maxContains" in schema
        case "minContains" | "maxContains":
            return _says_something("contains", None, schema) and "contains" in schema
        case "if":
            return "then" in schema or "else" in schema
        case "then" | "else":
            return "if" in schema
        case "$dynamicAnchor" | "$recursiveAnchor":  # an anchor is only for references
            return False
    return True


def _types(schema: Mapping[str, Any]) -> list[Any]:
    given = schema["type"]
    return given if isinstance(given, list) else [given]


def _takes_any_string(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return value is True
    silent = {"type", "title", "description", "$comment"}
    return set(value) <= silent and ("type" not in value or "string" in _types(value))


def _alone(branch: Schema) -> Schema:
    """A branch as a schema of its own: what references lead to is judged where it stands."""
    alone = {key: value for key, value in branch.items() if key != "$ref"}
    return _with_subschemas(alone, _alone_below)


def _alone_below(schema: Mapping[str, Any]) -> Schema:
    return _alone(dict(schema))
