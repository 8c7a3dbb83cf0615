"""Schemas without what says nothing, and without branches that cannot be followed."""

import json
from typing import Any

import pytest

from server.wire.schemas import simplified, without_refused_branches

DECIMAL = {"type": "string", "pattern": "^(?!a)b$"}
NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    "silent",
    [
        {"propertyNames": {"type": "string"}},
        {"propertyNames": {}},
        {"propertyNames": True},
        {"propertyNames": {"type": ["string", "null"], "description": "a name"}},
        {"dependentRequired": {}},
        {"dependencies": {}},
        {"unevaluatedProperties": True},
        {"unevaluatedProperties": {}},
        {"not": False},
        {"if": {"required": ["a"]}},
        {"then": {"required": ["a"]}},
        {"$dynamicAnchor": "node"},
        {"format": "record"},
        {"uniqueItems": True},  # says something of arrays only
        {"minContains": 2},
        {"additionalProperties": None},
        {"description": None},
    ],
    ids=json.dumps,
)
def test_what_says_nothing_is_left_out(silent: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert simplified({**schema, **silent}) == schema
    below = {
        "$defs": {"A": {**schema, **silent}},
        "anyOf": [{**schema, **silent}, {"type": "null"}],
    }
    assert simplified(below) == {"$defs": {"A": schema}, "anyOf": [schema, {"type": "null"}]}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "propertyNames": {"pattern": "^a"}},
        {"type": "object", "propertyNames": {"type": "integer"}},
        {"type": "object", "propertyNames": False},
        {"propertyNames": {"enum": ["a"]}},
        {"type": "array", "uniqueItems": True},
        {"type": ["array", "null"], "uniqueItems": True},
        {"uniqueItems": True},
        {"not": {"type": "string"}},
        {"if": {}, "then": {"type": "string"}},
        {"type": "array", "contains": {"type": "string"}, "minContains": 1},
        {"type": "array", "contains": {"type": "string"}, "minContains": 0, "maxContains": 2},
        {"type": "string", "format": "date"},
        {"const": None, "default": None, "enum": [None]},
        {"type": "object", "dependentRequired": {"a": ["b"]}},
    ],
    ids=json.dumps,
)
def test_what_says_something_stays(schema: dict[str, Any]) -> None:
    assert simplified(schema) == schema


def test_names_of_properties_and_data_are_not_keywords() -> None:
    schema = {
        "type": "object",
        "properties": {"format": {"type": "string"}, "not": {"const": {"format": "x"}}},
        "default": {"uniqueItems": False},
    }
    assert simplified(schema) == schema


def is_followed(schema: dict[str, Any]) -> bool:
    return "(?!" not in json.dumps(schema)


def test_the_other_branches_are_followed() -> None:
    price = {"anyOf": [NUMBER, DECIMAL, {"type": "null"}]}
    schema = {
        "type": "object",
        "properties": {"price": price, "prices": {"type": "array", "items": price}},
        "$defs": {"Price": price},
    }
    found = without_refused_branches(schema, is_followed)
    rest = {"anyOf": [NUMBER, {"type": "null"}]}
    assert found["properties"] == {"price": rest, "prices": {"type": "array", "items": rest}}
    assert found["$defs"] == {"Price": rest}


def test_a_branch_is_kept_if_what_it_refers_to_is_at_fault() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}], "$defs": {"P": DECIMAL}}
    assert without_refused_branches(schema, is_followed) == schema


def test_branches_stay_if_none_of_them_can_be_followed() -> None:
    schema = {"anyOf": [DECIMAL, DECIMAL]}
    assert without_refused_branches(schema, is_followed) == schema


def test_a_branch_with_branches_is_followed_as_far_as_it_can_be() -> None:
    schema = {"anyOf": [{"anyOf": [NUMBER, DECIMAL]}, {"type": "null"}]}
    assert without_refused_branches(schema, is_followed) == {
        "anyOf": [{"anyOf": [NUMBER]}, {"type": "null"}]
    }


def test_the_number_of_branches_that_are_tried_is_bounded() -> None:
    tried: list[Any] = []

    def refused(schema: dict[str, Any]) -> bool:
        tried.append(schema)
        return False

    without_refused_branches({"allOf": [{"anyOf": [NUMBER] * 5}] * 100}, refused)
    assert len(tried) <= 64
