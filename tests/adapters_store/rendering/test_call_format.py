"""How chat templates write calls, found by rendering one."""

from collections.abc import Mapping
from typing import Any

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from adapters_store.rendering.call_format import HERMES, CallFormat, call_format
from tests.tiny_model import CHAT_TEMPLATE, LIST_TEMPLATE, TOOL_TEMPLATE

ENDS = ["<|im_end|>"]
SHOWN = "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
TURN = "{% for message in messages %}<|im_start|>{{ message.role }}\n"
PROMPT = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
NAME = "{{ call.function.name }}"
ARGUMENTS = "{{ call.function.arguments | tojson }}"


def found(template: str, tokens: Mapping[str, int] | None = None) -> CallFormat | None:
    backend = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    tokenizer.chat_template = template

    def render(turns: Any, **options: Any) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, **options))

    return call_format(render, ENDS, tokens or {})


def writing(call: str, before: str = "") -> str:
    """A template that shows tools, and writes each call so."""
    calls = "{% for call in message.tool_calls or [] %}" + call + "{% endfor %}"
    body = before + "{{ message.content }}" + calls + "<|im_end|>\n{% endfor %}"
    return SHOWN + TURN + body + PROMPT


def test_a_template_without_tools_has_no_format() -> None:
    assert found(CHAT_TEMPLATE) is None


def test_a_template_that_only_speaks_of_tools_has_no_format() -> None:
    assert found("{# no tools #}" + CHAT_TEMPLATE) is None


@pytest.mark.parametrize(
    ("template", "marks", "marker"),
    [
        (
            TOOL_TEMPLATE,
            ("<tool_call>\n", "\n</tool_call><tool_call>\n", "\n</tool_call>", "arguments"),
            "<tool_call>",
        ),
        (LIST_TEMPLATE, ("[TOOL_CALLS] [", ", ", "]", "arguments"), "[TOOL_CALLS]"),
        (
            writing('<|tool_call|>[{"name": "' + NAME + '", "parameters": ' + ARGUMENTS + "}]"),
            ("<|tool_call|>[", "]<|tool_call|>[", "]", "parameters"),
            "<|tool_call|>",
        ),
        (
            writing('{ "arguments": ' + ARGUMENTS + ', "name": "' + NAME + '"}\n'),
            ("", "\n", "", "arguments"),
            "",
        ),
        (
            writing(
                '<tool_call>\n{"name": "'
                + NAME
                + '", "arguments": '
                + ARGUMENTS
                + "}\n</tool_call>",
                before="{% if message.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}",
            ),
            ("<tool_call>\n", "\n</tool_call><tool_call>\n", "\n</tool_call>", "arguments"),
            "<tool_call>",
        ),
    ],
    ids=["hermes", "list", "list each", "bare", "thinking"],
)
def test_the_marks_of_a_template_are_what_it_writes_around_its_calls(
    template: str, marks: tuple[str, str, str, str], marker: str
) -> None:
    form = found(template)
    assert form is not None
    assert (form.opening, form.separator, form.closing, form.arguments) == marks
    assert form.marker == marker
    assert form.shows_calls and not form.has_text_arguments


def test_a_template_that_takes_one_call_has_no_separator() -> None:
    single = "{% if message.tool_calls | length > 1 %}{{ raise_exception('one') }}{% endif %}"
    call = '{"name": "' + NAME + '", "parameters": ' + ARGUMENTS + "}"
    form = found(writing(call, before=single))
    assert form == CallFormat(arguments="parameters", shows_calls=True)


@pytest.mark.parametrize(
    "joined", ["{{ call.function.arguments }}", "{{ '' + call.function.arguments }}"]
)
def test_a_template_that_does_not_serialise_arguments_takes_them_as_text(joined: str) -> None:
    form = found(writing('<call>{"name": "' + NAME + '", "arguments": ' + joined + "}</call>"))
    assert form is not None
    assert form.has_text_arguments
    assert (form.opening, form.closing) == ("<call>", "</call>")


def test_calls_that_are_not_json_are_made_in_hermes_format_if_the_template_knows_its_marker() -> (
    None
):
    xml = "<tool_call><function=" + NAME + ">{% for k, v in call.function.arguments | items %}"
    xml += "<parameter={{ k }}>{{ v }}</parameter>{% endfor %}</function></tool_call>"
    form = found("{% if tools %}Write <tool_call>.{% endif %}" + writing(xml))
    assert form is not None
    assert (form.opening, form.closing, form.shows_calls) == (HERMES.opening, HERMES.closing, True)


def test_a_template_that_leaves_out_earlier_calls_is_known_by_it() -> None:
    form = found(SHOWN + CHAT_TEMPLATE)
    assert form == CallFormat()
    assert not form.shows_calls


def test_tokens_of_the_marks_are_found_and_others_are_not() -> None:
    tokens = {"<tool_call>": 7, "</tool_call>": 8, "<|im_end|>": 9}
    form = found(TOOL_TEMPLATE, tokens)
    assert form is not None
    assert form.tokens == {"<tool_call>": 7, "</tool_call>": 8}
