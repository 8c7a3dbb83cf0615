"""Grammars for replies, as text in llguidance's variant of Lark. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from server.wire.tool_calls import CLOSING, OPENING
from server.wire.tools import FunctionDefinition

# With free white space, a small model could write spaces forever.
_JSON_STYLE = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}


def json_grammar(schema: Mapping[str, Any]) -> str:
    """The grammar of JSON that fits a schema."""
    return f"start: {_json(schema)}\n"


def call_grammar(functions: Sequence[FunctionDefinition], template: str) -> str:
    """The grammar of one call of one of these functions, in the chat template's format."""
    if OPENING in template:
        begin, end, arguments = f"{OPENING}\n", f"}}\n{CLOSING}", "arguments"
    else:
        begin, end, arguments = "", "}", "parameters"
    rules = [f"start: {' | '.join(f'call_{i}' for i in range(len(functions)))}"]
    for i, function in enumerate(functions):
        head = f'{begin}{{"name": "{function.name}", "{arguments}": '
        schema = _json(function.parameters or _NO_ARGUMENTS)
        rules.append(f"call_{i}: {json.dumps(head)} {schema} {json.dumps(end)}")
    return "\n".join(rules) + "\n"


def _json(schema: Mapping[str, Any]) -> str:
    return f"%json {json.dumps({**schema, 'x-guidance': _JSON_STYLE})}"
