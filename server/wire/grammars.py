"""Grammars for replies, as text in llguidance's variant of Lark. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters_store.rendering.call_format import CallFormat
from server.wire.tools import FunctionDefinition

# With free white space, a small model could write spaces forever.
_JSON_STYLE = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}
# With one of these, a schema may have properties that it does not list.
_OPEN = {
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
}
# Where only one text is possible, llguidance would force its usual tokens. If the text holds that
# of a control token, it would force the control token, and then refuse it.
_NO_FORCING = '%llguidance {"no_forcing": true}\n'


def json_grammar(schema: Mapping[str, Any]) -> str:
    """The grammar of JSON that fits a schema."""
    return f"{_NO_FORCING}start: {_json(schema)}\n"


def call_grammar(
    functions: Sequence[FunctionDefinition],
    form: CallFormat,
    *,
    is_single: bool = True,
    answer: Mapping[str, Any] | None = None,
) -> str:
    """The grammar of a reply that calls these functions, in the chat template's format.

    The reply has one call, or any number unless `is_single`. If there is an `answer`, JSON that
    fits that schema may take the place of the calls.
    """
    calls = ["call"]
    if not is_single and form.separator is not None:
        calls.append(f"({_literal(form.separator, form)} call)*")
    parts = [_literal(form.opening, form), *calls, _literal(form.closing, form)]
    rules = ["start: calls" if answer is None else "start: calls | answer"]
    rules.append(f"calls: {' '.join(filter(None, parts))}")
    rules.append(f"call: {' | '.join(f'call_{i}' for i in range(len(functions)))}")
    for i, function in enumerate(functions):
        head = json.dumps(f'{{"name": "{function.name}", "{form.arguments}": ')
        schema = _json(_arguments(function.parameters or _NO_ARGUMENTS))
        rules.append(f'call_{i}: {head} {schema} "}}"')
    if answer is not None:
        rules.append(f"answer: {_json(answer)}")
    return _NO_FORCING + "\n".join(rules) + "\n"


def _arguments(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A function's parameters as the schema of an object, without properties that it lacks.

    Many clients leave out both, and cannot call a function with arguments that it does not know.
    """
    arguments = {**schema, "type": "object"}
    properties, required = schema.get("properties"), schema.get("required", [])
    if isinstance(properties, Mapping) and isinstance(required, list) and not _OPEN & set(schema):
        names = [name for name in required if isinstance(name, str) and name in properties]
        if len(names) == len(required):
            arguments["additionalProperties"] = False
    return arguments


def _literal(text: str, form: CallFormat) -> str:
    """A text of the format, in which tokens that ordinary text never makes stand by their ids."""
    tokens = sorted(form.tokens, key=len, reverse=True)
    pieces = re.split(f"({'|'.join(map(re.escape, tokens))})", text) if tokens else [text]
    return " ".join(
        f"<[{form.tokens[piece]}]>" if piece in form.tokens else json.dumps(piece)
        for piece in pieces
        if piece
    )


def _json(schema: Mapping[str, Any]) -> str:
    return f"%json {json.dumps({**schema, 'x-guidance': _JSON_STYLE})}"
