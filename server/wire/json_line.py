"""JSON in one line, whatever a reader takes for the end of a line. Pure."""

import json
from typing import Any

# JSON allows them raw in texts, but many readers split lines there, Python's `splitlines` too.
_LINE_ENDS = str.maketrans({end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"})


def json_line(data: Any) -> str:
    """Compact JSON without any character that ends a line."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
