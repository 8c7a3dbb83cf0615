"""Tokens as bytes, and grammars that replies follow."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters_store.base_model import BaseModel
from server.engine.errors import GrammarError
from server.engine.grammar import GrammarCompiler, MatcherState
from server.wire.grammars import json_grammar
from tests.conftest import load_tiny

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
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
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_a_schema_that_cannot_be_followed_is_refused(
    compiler: GrammarCompiler, schema: dict[str, Any]
) -> None:
    with pytest.raises(GrammarError):
        compiler.compile(json_grammar(schema))
