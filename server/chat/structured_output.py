"""Structured output: the tools that the model is shown, the calls it may make, and the grammar.

Runs in a worker thread, because compiling a grammar may take a second.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters_store.rendering.call_format import CallFormat
from server.engine.errors import GrammarError
from server.errors import RequestError
from server.wire.grammars import call_grammar, json_grammar
from server.wire.requests import ChatRequest
from server.wire.response_format import MAX_BYTES
from server.wire.schemas import Schema, simplified, without_refused_branches
from server.wire.tool_calls import AllowedCalls
from server.wire.tool_choice import AllowedFunctions, NamedFunction
from server.wire.tools import FunctionDefinition, Tool

if TYPE_CHECKING:
    from server.engine.grammar import Grammar
    from server.engine.interface import Engine

Adapt = Callable[[Mapping[str, Any]], Schema]


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """The tools in the prompt, as the template takes them, and the grammar, if any.

    Without `calls` nothing in the reply is a call.
    """

    tools: tuple[dict[str, Any], ...] = ()
    calls: AllowedCalls | None = None
    grammar: "Grammar | None" = None


def structured_output(body: ChatRequest, engine: "Engine") -> StructuredOutput:
    """The output form that a request asks for, if the base model's chat template can show it.

    A required call goes before `response_format`. Beside optional calls the reply is a call or fits
    the format. A base model without tools answers in text. Raises `RequestError` (400) for an
    unsupported schema, and for a required call that cannot be made.
    """
    form = engine.renderer.call_format
    schema = body.response_format.schema_of_reply if body.response_format else None
    offered = _offered(body)
    required = _required(offered, body.tool_choice, form)
    functions = required or [tool.function for tool in offered]
    if form is None or body.tool_choice == "none" or not functions:
        if schema is None:
            return StructuredOutput()

        def format_alone(adapt: Adapt, _: Adapt) -> str:
            return json_grammar(adapt(schema))

        return StructuredOutput(grammar=_compile(engine, format_alone, "response_format"))
    is_single = body.parallel_tool_calls is False or bool(required and not body.parallel_tool_calls)
    calls = AllowedCalls(
        names=frozenset(function.name for function in functions),
        marker=form.marker,
        is_formed=bool(required) or schema is not None,
        at_most=1 if is_single else None,
    )
    tools = tuple(tool.model_dump(exclude_none=True) for tool in offered)
    if not calls.is_formed:
        return StructuredOutput(tools, calls)

    def required_call(adapt: Adapt, _: Adapt) -> str:
        adapted = [_adapted(function, adapt) for function in functions]
        return call_grammar(adapted, form, is_single=is_single)

    def calls_or_answer(adapt: Adapt, loosen: Adapt) -> str:
        adapted = [_adapted(function, loosen) for function in functions]
        return call_grammar(adapted, form, is_single=is_single, answer=adapt(schema or {}))

    if required:
        return StructuredOutput(tools, calls, _compile(engine, required_call, "tools"))
    return StructuredOutput(tools, calls, _compile(engine, calls_or_answer, "response_format"))


def _offered(body: ChatRequest) -> Sequence[Tool]:
    """The tools that the model is shown: those that it may call, or must choose from."""
    tools, choice = body.tools or (), body.tool_choice
    if not isinstance(choice, AllowedFunctions):
        return tools
    allowed = [tool for tool in tools if tool.function.name in choice.names]
    if len(allowed) < len(set(choice.names)):
        raise _names_no_function()
    return allowed


def _required(
    tools: Sequence[Tool], choice: Any, form: CallFormat | None
) -> Sequence[FunctionDefinition]:
    """The functions to choose from if a call is required, else none."""
    functions = [tool.function for tool in tools]
    match choice:
        case NamedFunction(name):
            functions = [each for each in functions if each.name == name]
        case "required" | AllowedFunctions(is_required=True):
            pass
        case _:
            return ()
    if not functions:
        raise _names_no_function()
    if form is None:
        message = "This base model cannot call tools: leave tool_choice out."
        raise RequestError(400, message, param="tool_choice")
    return functions


def _names_no_function() -> RequestError:
    return RequestError(400, "tool_choice names no function in tools.", param="tool_choice")


def _adapted(function: FunctionDefinition, adapt: Adapt) -> FunctionDefinition:
    if function.parameters is None:
        return function
    return function.model_copy(update={"parameters": adapt(function.parameters)})


def _compile(engine: "Engine", write: Callable[[Adapt, Adapt], str], param: str) -> "Grammar":
    """The grammar that `write` makes of adapted schemas.

    If some cannot be followed, their branches that cannot be are left out, and a schema that
    `write` adapts by its second argument may become any object.
    """
    compiler = engine.grammar_compiler

    def is_followed(schema: Schema) -> bool:
        try:
            compiler.compile(json_grammar(schema))
        except GrammarError:
            return False
        return True

    def followed(schema: Mapping[str, Any]) -> Schema:
        return without_refused_branches(simplified(schema), is_followed)

    def loosened(schema: Mapping[str, Any]) -> Schema:
        return kept if is_followed(kept := followed(schema)) else {"type": "object"}

    grammar = write(simplified, simplified)
    # Each schema has a limit of its own; this one is for the schemas of all tools together.
    if len(grammar) > 2 * MAX_BYTES:
        raise RequestError(400, "The schemas of the tools are too large together.", param=param)
    try:
        return compiler.compile(grammar)
    except GrammarError as error:
        reason = error
    try:
        return compiler.compile(write(followed, loosened))
    except GrammarError as error:
        message = f"This schema is not supported: {reason}"
        raise RequestError(400, message, param=param) from error
