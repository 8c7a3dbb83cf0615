"""Structured output: the tools that the model is shown, and the grammar of its reply.

Runs in a worker thread, because compiling a grammar may take a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.engine.errors import GrammarError
from server.errors import RequestError
from server.wire.grammars import call_grammar, json_grammar
from server.wire.requests import ChatRequest
from server.wire.response_format import MAX_BYTES
from server.wire.tools import FunctionDefinition, NamedFunction

if TYPE_CHECKING:
    from server.engine.engine import Engine
    from server.engine.grammar import Grammar


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """The tools in the prompt, as the template takes them, and the grammar, if any."""

    tools: tuple[dict[str, Any], ...] = ()
    grammar: "Grammar | None" = None


def structured_output(body: ChatRequest, engine: "Engine") -> StructuredOutput:
    """The output form that a request asks for, if the base model's chat template can show it.

    A required call goes before `response_format`, and that before optional calls. A base model
    without tools answers in text. Raises `RequestError` (400) for an unsupported schema, and for a
    required call that cannot be made.
    """
    template = engine.base.renderer.tool_template
    schema = body.response_format.schema_of_reply if body.response_format else None
    if required := _required(body, template):
        assert template is not None
        grammar = _compile(engine, call_grammar(required, template), "tools")
        return StructuredOutput(_shown(body), grammar)
    if schema is not None:
        return StructuredOutput(grammar=_compile(engine, json_grammar(schema), "response_format"))
    if template is None or body.tool_choice == "none":
        return StructuredOutput()
    return StructuredOutput(_shown(body))


def _required(body: ChatRequest, template: str | None) -> Sequence[FunctionDefinition]:
    """The functions to choose from if a call is required, else none."""
    choice = body.tool_choice
    if choice != "required" and not isinstance(choice, NamedFunction):
        return ()
    functions = [tool.function for tool in body.tools or ()]
    if isinstance(choice, NamedFunction):
        functions = [each for each in functions if each.name == choice.name]
    if not functions:
        raise RequestError(400, "tool_choice names no function in tools.", param="tool_choice")
    if template is None:
        message = "This base model cannot call tools: leave tool_choice out."
        raise RequestError(400, message, param="tool_choice")
    return functions


def _shown(body: ChatRequest) -> tuple[dict[str, Any], ...]:
    return tuple(tool.model_dump(exclude_none=True) for tool in body.tools or ())


def _compile(engine: "Engine", grammar: str, param: str) -> "Grammar":
    # Each schema has a limit of its own; this one is for the schemas of all tools together.
    if len(grammar) > 2 * MAX_BYTES:
        raise RequestError(400, "The schemas of the tools are too large together.", param=param)
    try:
        return engine.grammar_compiler.compile(grammar)
    except GrammarError as error:
        raise RequestError(400, f"This schema is not supported: {error}", param=param) from error
