"""What form a reply is to have: the tools that the model is shown, the grammar it is held to.

Runs in a worker thread: compiling a grammar may take a second.
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
    """The tools in the prompt, as the template takes them, and the grammar, if any.

    Calls are looked for in replies whose prompt has tools.
    """

    tools: tuple[dict[str, Any], ...] = ()
    grammar: "Grammar | None" = None


def structured_output(body: ChatRequest, engine: "Engine") -> StructuredOutput:
    """The form that a request asks for, by what the base model's chat template can show.

    A base model without tools answers in text, as does a model that is free to call none. A call
    that must be made goes before `response_format`, and that before calls that may be made.
    Raises `RequestError` (400) for a schema that cannot be followed and a call that cannot be made.
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
    """The functions of which one must be called."""
    choice = body.tool_choice
    if choice != "required" and not isinstance(choice, NamedFunction):
        return ()
    functions = [tool.function for tool in body.tools or ()]
    if isinstance(choice, NamedFunction):
        functions = [each for each in functions if each.name == choice.name]
    if not functions:
        raise RequestError(400, "tool_choice names no function of tools.", param="tool_choice")
    if template is None:
        raise RequestError(400, "This base model cannot call tools.", param="tool_choice")
    return functions


def _shown(body: ChatRequest) -> tuple[dict[str, Any], ...]:
    return tuple(tool.model_dump(exclude_none=True) for tool in body.tools or ())


def _compile(engine: "Engine", grammar: str, param: str) -> "Grammar":
    # A schema has this limit by itself; the schemas of many tools have it together.
    if len(grammar) > 2 * MAX_BYTES:
        raise RequestError(400, "The schemas are too large together.", param=param)
    try:
        return engine.vocabulary.compile(grammar)
    except GrammarError as error:
        raise RequestError(400, f"This schema cannot be followed: {error}", param=param) from error
