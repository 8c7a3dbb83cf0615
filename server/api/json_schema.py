"""Bounds of the JSON schemas that clients send, kept before anything compiles them. Pure."""

import json
from collections.abc import Mapping
from typing import Any

MAX_BYTES = 64 << 10
MAX_DEPTH = 32
# References make a schema deeper than it is written, and compilers of schemas recurse.
MAX_EXPANDED_DEPTH = 512


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises `ValueError` where a schema is too large, or nested too deep, to be compiled."""
    if len(json.dumps(schema)) > MAX_BYTES:
        raise ValueError(f"the schema is larger than {MAX_BYTES} bytes")
    depth, references = _measure(schema)
    if depth > MAX_DEPTH:
        raise ValueError(f"the schema is nested more than {MAX_DEPTH} levels deep")
    if depth * (1 + references) > MAX_EXPANDED_DEPTH:
        raise ValueError("the schema has too many references for its depth")


def _measure(schema: Mapping[str, Any]) -> tuple[int, int]:
    """How many levels there are, and how many different references. Without recursion."""
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
