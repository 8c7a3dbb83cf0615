"""Tokens as bytes, and grammars that replies follow."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.base_model import BaseModel
from server.engine.errors import GrammarError
from server.engine.grammar import GrammarCompiler, MatcherState
from server.wire.grammars import call_grammar, json_grammar
from server.wire.tools import FunctionDefinition
from tests.conftest import load_tiny
from tests.tiny_model import TOOL_MARKERS, TOOL_TEMPLATE, build_tiny_model

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}

NUMBERS = {
    "type": "object",
    "properties": {"x": {"type": "integer"}},
    "required": ["x"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def base(tiny_model_folder: Any) -> BaseModel:
    return load_tiny(tiny_model_folder)


@pytest.fixture(scope="module")
def compiler(base: BaseModel) -> GrammarCompiler:
    renderer = base.renderer
    return GrammarCompiler(renderer.tokenizer, renderer.eos_token_ids, base.model.config.vocab_size)


def write(state: MatcherState, base: BaseModel, text: str) -> bool:
    """Whether the grammar takes the whole text."""
    return all(state.push(token) for token in base.renderer.text_ids(text))


@given(st.text(max_size=20))
def test_the_bytes_of_a_texts_tokens_are_the_bytes_of_the_text(
    base: BaseModel, compiler: GrammarCompiler, text: str
) -> None:
    said = b"".join(map(compiler.token_bytes, base.renderer.text_ids(text)))
    assert said == text.encode()


def test_a_reply_is_complete_when_its_schema_is(base: BaseModel, compiler: GrammarCompiler) -> None:
    state = compiler.compile(json_grammar(PERSON)).start()
    assert write(state, base, '{"name": "Ann", "age": 3')
    assert not state.is_complete
    assert write(state, base, "}")
    assert state.is_complete


def test_what_does_not_fit_is_not_taken(base: BaseModel, compiler: GrammarCompiler) -> None:
    state = compiler.compile(json_grammar(PERSON)).start()
    assert not write(state, base, '{"age": "old"')


def test_only_what_fits_is_allowed(base: BaseModel, compiler: GrammarCompiler) -> None:
    allowed = compiler.compile(json_grammar(PERSON)).start().allowed()
    assert len(allowed) == base.model.config.vocab_size
    assert allowed.nonzero().flatten().tolist() == base.renderer.text_ids("{")


def test_the_turn_may_end_only_when_the_reply_may(
    base: BaseModel, compiler: GrammarCompiler
) -> None:
    [eos] = base.renderer.eos_token_ids
    state = compiler.compile(json_grammar({"type": "integer"})).start()
    assert not state.allowed()[eos]
    assert write(state, base, "12")
    assert state.allowed()[eos] and not state.is_complete


@pytest.fixture(scope="module")
def with_markers(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    folder = tmp_path_factory.mktemp("markers") / "tiny"
    return load_tiny(build_tiny_model(folder, chat_template=TOOL_TEMPLATE, markers=TOOL_MARKERS))


@pytest.fixture(scope="module")
def marking(with_markers: BaseModel) -> GrammarCompiler:
    renderer, width = with_markers.renderer, with_markers.model.config.vocab_size
    return GrammarCompiler(renderer.tokenizer, renderer.eos_token_ids, width)


def follow(state: MatcherState, tokens: list[int]) -> bool:
    """Whether each token is allowed where it stands, and taken."""
    return all(bool(state.allowed()[token]) and state.push(token) for token in tokens)


def test_a_marker_that_is_a_token_is_written_as_that_token(
    with_markers: BaseModel, marking: GrammarCompiler
) -> None:
    form = with_markers.renderer.call_format
    assert form is not None
    call = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'
    tokens = with_markers.renderer.tokenizer.encode(call, add_special_tokens=False)
    assert {*form.tokens.values()} < {*tokens}
    grammar = marking.compile(
        call_grammar([FunctionDefinition(name="f", parameters=NUMBERS)], form)
    )
    state = grammar.start()
    assert follow(state, tokens)
    assert state.is_complete
    assert not follow(grammar.start(), with_markers.renderer.text_ids(call))


def test_many_calls_or_an_answer_may_be_allowed(
    with_markers: BaseModel, marking: GrammarCompiler
) -> None:
    form = with_markers.renderer.call_format
    assert form is not None
    functions = [FunctionDefinition(name="f"), FunctionDefinition(name="g", parameters=NUMBERS)]
    grammar = marking.compile(call_grammar(functions, form, is_single=False, answer=PERSON))
    call_f = '{"name": "f", "arguments": {}}'
    call_g = '{"name": "g", "arguments": {"x": 12}}'
    tokens = with_markers.renderer.tokenizer.encode(
        form.opening + call_f + str(form.separator) + call_g + form.closing
    )
    [end] = with_markers.renderer.eos_token_ids
    assert follow(grammar.start(), [*tokens, end])
    assert follow(grammar.start(), with_markers.renderer.text_ids('{"name": "Ann", "age": 3}'))
    unknown = with_markers.renderer.tokenizer.encode(form.opening + '{"name": "h"')
    assert not follow(grammar.start(), unknown)


@pytest.mark.parametrize("text", ["a<tool_call>b", "<|im_end|>", "<tool_call>"])
def test_a_value_may_spell_a_control_token(
    with_markers: BaseModel, marking: GrammarCompiler, text: str
) -> None:
    schemas: list[dict[str, Any]] = [
        {"const": text},
        {"enum": [text]},
        {
            "type": "object",
            "properties": {text: {"const": text}},
            "required": [text],
            "additionalProperties": False,
        },
    ]
    for schema in schemas:
        state = marking.compile(json_grammar(schema)).start()
        value = {text: text} if "type" in schema else text
        assert follow(state, with_markers.renderer.text_ids(json.dumps(value)))
        assert state.is_complete


def may_be_argued(
    base: BaseModel, compiler: GrammarCompiler, parameters: dict[str, Any], arguments: str
) -> bool:
    """Whether a function of these parameters may be called with these arguments."""
    form = base.renderer.call_format
    assert form is not None
    function = FunctionDefinition(name="f", parameters=parameters)
    call = f'{form.opening}{{"name": "f", "arguments": {arguments}}}{form.closing}'
    tokens = base.renderer.tokenizer.encode(call, add_special_tokens=False)
    return follow(compiler.compile(call_grammar([function], form)).start(), tokens)


def test_the_arguments_of_a_call_are_always_an_object(
    with_markers: BaseModel, marking: GrammarCompiler
) -> None:
    untyped = {"properties": {"x": {"type": "integer"}}}
    assert may_be_argued(with_markers, marking, untyped, '{"x": 1}')
    assert not may_be_argued(with_markers, marking, untyped, "7")


@pytest.mark.parametrize(
    ("more", "is_open"),
    [
        ({}, False),
        ({"additionalProperties": True}, True),
        ({"additionalProperties": {"type": "integer"}}, True),
        ({"required": ["x"]}, False),
        ({"required": ["y"]}, True),
        ({"allOf": [{"properties": {"y": {"type": "integer"}}}]}, True),
    ],
    ids=str,
)
def test_arguments_have_no_property_that_the_function_lacks(
    with_markers: BaseModel, marking: GrammarCompiler, more: dict[str, Any], is_open: bool
) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, **more}
    assert may_be_argued(with_markers, marking, schema, '{"x": 1, "y": 2}') is is_open
    assert may_be_argued(with_markers, marking, {"type": "object"}, '{"y": 2}')


def test_the_reason_of_a_refusal_is_one_line_that_names_its_cause(
    compiler: GrammarCompiler,
) -> None:
    with pytest.raises(GrammarError) as refused:
        compiler.compile(json_grammar({"type": "string", "pattern": "^(?=a).{3}$"}))
    reason = str(refused.value)
    assert reason.startswith("regex parse error: ^(?=a).{3}$ error: look-around")
    assert len(reason) < 200
    with pytest.raises(GrammarError) as refused:
        compiler.compile(json_grammar({"type": "string", "pattern": "(" * 5000}))
    assert len(str(refused.value)) < 600


def test_replies_to_one_grammar_do_not_disturb_each_other(
    base: BaseModel, compiler: GrammarCompiler
) -> None:
    grammar = compiler.compile(json_grammar(PERSON))
    first, second = grammar.start(), grammar.start()
    assert write(first, base, '{"name": "Ann"')
    assert write(second, base, '{"name": "Bob", "age": 1}')
    assert second.is_complete and not first.is_complete


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema.json"},
        {"type": "string", "pattern": "("},
        {"not": {"type": "string"}},
        {"x-guidance": {"lenient": True}, "not": {"type": "string"}},
        {"allOf": [{"anyOf": [{"const": i}, {"const": -i}]} for i in range(1, 100)]},
        {"type": "integer", "minimum": 10**400},
        {"$ref": "#/$defs/T", "$defs": {"T": {"$ref": "#/$defs/T"}}},
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_a_schema_that_cannot_be_followed_is_refused(
    compiler: GrammarCompiler, schema: dict[str, Any]
) -> None:
    with pytest.raises(GrammarError):
        compiler.compile(json_grammar(schema))
