"""Bounds of schemas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wire.response_format import MAX_DEPTH, check_schema


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"not": schema}
    return schema


@given(st.integers(1, 200))
def test_the_depth_of_a_schema_is_bounded(levels: int) -> None:
    if levels <= MAX_DEPTH:
        check_schema(nested(levels))
    else:
        with pytest.raises(ValueError, match="32 levels"):
            check_schema(nested(levels))


def test_a_schema_of_10_000_levels_is_refused_without_recursion() -> None:
    with pytest.raises((ValueError, RecursionError)):
        check_schema(nested(10_000))


def test_the_size_of_a_schema_is_bounded() -> None:
    check_schema({"enum": ["x" * 60_000]})
    with pytest.raises(ValueError, match="65536 bytes"):
        check_schema({"enum": ["x" * 70_000]})


def test_references_count_as_depth() -> None:
    def chain(length: int) -> dict[str, Any]:
        links = {
            f"d{i}": {"properties": {"next": {"$ref": f"#/$defs/d{i + 1}"}}} for i in range(length)
        }
        return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {"type": "null"}}}

    check_schema(chain(80))
    with pytest.raises(ValueError, match="references"):
        check_schema(chain(1000))
